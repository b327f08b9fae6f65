package org.kilonova.scheduler;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the filters leave of the hosts, and the account of it.
 *
 * @param passed in no particular order
 * @param steps what each filter that dropped hosts did, e.g. {@code RamFilter dropped 3}
 */
record Filtering(List<HostView> passed, int hosts, List<String> steps) {
  private static final Logger LOG = LoggerFactory.getLogger(Filtering.class);
  private static final int MOST_REASONS = 3;

  static Filtering apply(
      List<HostFilter> filters, RequestSpec request, HostFilter.Snapshot snapshot) {
    List<HostView> left = new ArrayList<>(snapshot.hosts());
    int hosts = left.size();
    List<String> steps = new ArrayList<>();
    for (HostFilter filter : filters) {
      Map<String, Integer> reasons = new LinkedHashMap<>();
      int dropped = 0;
      // A new list for each filter that drops: removing from the middle would be quadratic.
      List<HostView> passed = new ArrayList<>(left.size());
      for (Iterator<HostView> i = left.iterator(); i.hasNext(); ) {
        HostView host = i.next();
        try {
          if (filter.passes(host, request, snapshot)) {
            passed.add(host);
            continue;
          }
          note(reasons, filter.reason(host, request));
        } catch (RuntimeException e) {
          // Somebody's filter; the scheduler must survive it, and the host be left alone.
          LOG.warn("{} failed on {}", filter.name(), host.host(), e);
          note(reasons, "failed: " + e.getClass().getSimpleName());
        }
        dropped++;
      }
      left = passed;
      if (dropped > 0) {
        steps.add(filter.name() + " dropped " + dropped + text(reasons, dropped));
      }
    }
    return new Filtering(left, hosts, steps);
  }

  private static void note(Map<String, Integer> reasons, String reason) {
    if (reason != null) {
      reasons.merge(reason, 1, Integer::sum);
    }
  }

  private static String text(Map<String, Integer> reasons, int dropped) {
    if (reasons.isEmpty()) {
      return "";
    }
    if (reasons.size() == 1 && reasons.containsValue(dropped)) {
      return " (" + reasons.keySet().iterator().next() + ")";
    }
    return reasons.entrySet().stream()
        .limit(MOST_REASONS)
        .map(reason -> reason.getValue() + " " + reason.getKey())
        .collect(Collectors.joining(", ", " (", reasons.size() > MOST_REASONS ? ", ...)" : ")"));
  }

  /** For example {@code 12 hosts: ComputeFilter dropped 1 (down), RamFilter dropped 11}. */
  String explanation() {
    return account(String.join(", ", steps));
  }

  /** The same, ending with the choice. */
  String explanation(String choice) {
    List<String> all = new ArrayList<>(steps);
    all.add(choice);
    return account(String.join(", ", all));
  }

  private String account(String what) {
    String count = hosts == 1 ? "1 host" : hosts + " hosts";
    return what.isEmpty() ? count : count + ": " + what;
  }
}
