package org.kilonova.quota;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.kilonova.kernel.Resources;
import org.kilonova.quota.Quotas.QuotaExceededException;

/** How many instances fit, and what Nova says if too few do. Pure. */
final class QuotaPolicy {
  /** Nova's limits where nobody set others ({@code nova/conf/quota.py}); ram in MiB. */
  static final Map<String, Integer> NOVA_DEFAULTS = novaDefaults();

  static final int UNLIMITED = -1;

  private QuotaPolicy() {}

  private static Map<String, Integer> novaDefaults() {
    Map<String, Integer> limits = new LinkedHashMap<>();
    limits.put("instances", 10);
    limits.put("cores", 20);
    limits.put("ram", 50 * 1024);
    limits.put("metadata_items", 128);
    limits.put("injected_files", 5);
    limits.put("injected_file_content_bytes", 10 * 1024);
    limits.put("injected_file_path_bytes", 255);
    limits.put("key_pairs", 100);
    limits.put("server_groups", 10);
    limits.put("server_group_members", 10);
    return Map.copyOf(limits);
  }

  /**
   * What is counted together: a project's instances, or one user's in it.
   *
   * @param limits what is not in it is not limited
   */
  record Scope(Map<String, Integer> limits, Usage usage) {}

  /** What is in use of what an instance costs. */
  record Usage(int instances, int cores, long ramMb) {
    static final Usage NONE = new Usage(0, 0, 0);

    /** With so many more. */
    Usage plus(Resources each, int count) {
      return new Usage(
          instances + count, cores + count * each.vcpus(), ramMb + count * each.memoryMb());
    }

    /** In the order in which Nova lists them. */
    private List<Counted> with(Resources each, Map<String, Integer> limits) {
      return List.of(
          new Counted("cores", cores, each.vcpus(), limits.getOrDefault("cores", UNLIMITED)),
          new Counted("instances", instances, 1, limits.getOrDefault("instances", UNLIMITED)),
          new Counted("ram", ramMb, each.memoryMb(), limits.getOrDefault("ram", UNLIMITED)));
    }
  }

  private record Counted(String resource, long used, long each, int limit) {
    /** How many instances more. */
    long headroom() {
      return limit == UNLIMITED || each == 0 ? Long.MAX_VALUE : (limit - used) / each;
    }

    boolean isOver(int count) {
      return limit != UNLIMITED && used + each * count > limit;
    }
  }

  /** The smaller of two limits. */
  static int least(int a, int b) {
    return a == UNLIMITED ? b : b == UNLIMITED ? a : Math.min(a, b);
  }

  /** Of each resource the scope in which there is least room. */
  private static List<Counted> tightest(List<Scope> scopes, Resources each) {
    Map<String, Counted> tightest = new LinkedHashMap<>();
    for (Scope scope : scopes) {
      for (Counted counted : scope.usage().with(each, scope.limits())) {
        tightest.merge(counted.resource(), counted, (a, b) -> b.headroom() < a.headroom() ? b : a);
      }
    }
    return List.copyOf(tightest.values());
  }

  /**
   * As many as fit.
   *
   * @return a number from {@code min} to {@code max}
   * @throws QuotaExceededException if fewer than {@code min} fit
   */
  static int grant(List<Scope> scopes, Resources each, int min, int max) {
    List<Counted> counted = tightest(scopes, each);
    long fit = counted.stream().mapToLong(Counted::headroom).min().orElseThrow();
    if (fit < min) {
      throw new QuotaExceededException(
          exceeded(counted.stream().filter(resource -> resource.isOver(max)).toList(), min, max));
    }
    return (int) Math.min(fit, max);
  }

  /** The text of Nova's TooManyInstances: all that would be over, in columns of a list each. */
  private static String exceeded(List<Counted> overs, int min, int max) {
    List<String> requested = new ArrayList<>();
    for (Counted over : overs) {
      boolean range = over.resource.equals("instances") && min != max;
      requested.add(range ? min + "-" + max : Long.toString(over.each * max));
    }
    String names = overs.stream().map(Counted::resource).collect(Collectors.joining(", "));
    String used = overs.stream().map(o -> Long.toString(o.used)).collect(Collectors.joining(", "));
    String limits =
        overs.stream().map(o -> Integer.toString(o.limit)).collect(Collectors.joining(", "));
    return "Quota exceeded for %s: Requested %s, but already used %s of %s %s"
        .formatted(names, String.join(", ", requested), used, limits, names);
  }
}
