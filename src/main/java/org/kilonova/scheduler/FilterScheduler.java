package org.kilonova.scheduler;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/** Filters, then weighers: Nova's filter scheduler. */
public final class FilterScheduler implements SchedulerDriver {
  private final List<HostFilter> filters;
  private final List<HostWeigher> weighers;
  private final Map<String, Double> multipliers;
  private final int subsetSize;
  private final Random random;

  /**
   * A filter scheduler.
   *
   * @param multipliers by weigher name; those that are missing use their default
   * @param subsetSize one of so many best hosts is taken at random (Nova: host_subset_size)
   */
  public FilterScheduler(
      List<HostFilter> filters,
      List<HostWeigher> weighers,
      Map<String, Double> multipliers,
      int subsetSize,
      Random random) {
    this.filters = List.copyOf(filters);
    this.weighers = List.copyOf(weighers);
    this.multipliers = Map.copyOf(multipliers);
    this.subsetSize = Math.max(1, subsetSize);
    this.random = random;
  }

  @Override
  public Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
    Filtered filtered = filter(filters, request, snapshot);
    if (filtered.passed().isEmpty()) {
      return new Choice(List.of(), filtered.explanation());
    }
    List<Weighed> weighed = weigh(filtered.passed(), request);
    if (subsetSize > 1) {
      int pick = random.nextInt(Math.min(subsetSize, weighed.size()));
      weighed.add(0, weighed.remove(pick));
    }
    String explanation =
        "%s; chose %s (weight %s of %d)"
            .formatted(
                filtered.explanation(),
                weighed.get(0).host().host(),
                String.format(Locale.ROOT, "%.2f", weighed.get(0).weight()),
                weighed.size());
    return new Choice(weighed.stream().limit(wanted).map(Weighed::host).toList(), explanation);
  }

  /**
   * What is left after the filters.
   *
   * @param explanation e.g. {@code 12 hosts; ComputeFilter dropped 1, RamFilter dropped 3}
   */
  record Filtered(List<HostView> passed, String explanation) {}

  static Filtered filter(
      List<HostFilter> filters, RequestSpec request, HostFilter.Snapshot snapshot) {
    List<HostView> left = new ArrayList<>(snapshot.hosts().values());
    StringBuilder explanation = new StringBuilder().append(left.size());
    explanation.append(left.size() == 1 ? " host" : " hosts");
    String separator = "; ";
    for (HostFilter filter : filters) {
      int before = left.size();
      left.removeIf(host -> !filter.passes(host, request, snapshot));
      if (left.size() < before) {
        explanation
            .append(separator)
            .append(filter.name())
            .append(" dropped ")
            .append(before - left.size());
        separator = ", ";
      }
    }
    return new Filtered(left, explanation.toString());
  }

  private record Weighed(HostView host, double weight) {}

  private List<Weighed> weigh(List<HostView> hosts, RequestSpec request) {
    double[] weights = new double[hosts.size()];
    for (HostWeigher weigher : weighers) {
      double multiplier = multipliers.getOrDefault(weigher.name(), weigher.defaultMultiplier());
      if (multiplier != 0) {
        add(weights, weigher, multiplier, hosts, request);
      }
    }
    List<Weighed> weighed = new ArrayList<>(hosts.size());
    for (int i = 0; i < weights.length; i++) {
      weighed.add(new Weighed(hosts.get(i), weights[i]));
    }
    Collections.shuffle(weighed, random); // equals in any order
    weighed.sort(Comparator.comparingDouble(Weighed::weight).reversed());
    return weighed;
  }

  private static void add(
      double[] weights,
      HostWeigher weigher,
      double multiplier,
      List<HostView> hosts,
      RequestSpec request) {
    double[] values = new double[weights.length];
    double min = Double.POSITIVE_INFINITY;
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < values.length; i++) {
      values[i] = weigher.weigh(hosts.get(i), request);
      min = Math.min(min, values[i]);
      max = Math.max(max, values[i]);
    }
    if (max > min) {
      for (int i = 0; i < values.length; i++) {
        weights[i] += multiplier * (values[i] - min) / (max - min);
      }
    }
  }
}
