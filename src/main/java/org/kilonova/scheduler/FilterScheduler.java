package org.kilonova.scheduler;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Filters, then weighers: Nova's filter scheduler. */
public final class FilterScheduler implements SchedulerDriver {
  private static final Logger LOG = LoggerFactory.getLogger(FilterScheduler.class);

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
   * @param random decides among equals and within the subset
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
    Filtering filtered = Filtering.apply(filters, request, snapshot);
    if (filtered.passed().isEmpty()) {
      return new Choice(List.of(), filtered.explanation());
    }
    List<Weighed> weighed = weigh(filtered.passed(), request);
    if (subsetSize > 1) {
      int pick = random.nextInt(Math.min(subsetSize, weighed.size()));
      weighed.add(0, weighed.remove(pick));
    }
    Weighed best = weighed.get(0);
    return new Choice(
        weighed.stream().limit(wanted).map(Weighed::host).toList(),
        filtered.explanation(
            String.format(
                Locale.ROOT, "chosen %s (weight %.2f)", best.host().host(), best.weight())));
  }

  private record Weighed(HostView host, double weight) {}

  /** Best first, equals in any order. */
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
    Collections.shuffle(weighed, random);
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
    double min = weigher.minimum();
    double max = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < values.length; i++) {
      values[i] = weight(weigher, hosts.get(i), request);
      min = Double.isNaN(min) ? values[i] : Math.min(min, values[i]);
      max = Math.max(max, values[i]);
    }
    if (max > min) {
      for (int i = 0; i < values.length; i++) {
        weights[i] += multiplier * (values[i] - min) / (max - min);
      }
    }
  }

  private static double weight(HostWeigher weigher, HostView host, RequestSpec request) {
    try {
      double weight = weigher.weigh(host, request);
      return Double.isFinite(weight) ? weight : 0;
    } catch (RuntimeException e) {
      // Somebody's weigher; the scheduler must survive it.
      LOG.warn("{} failed on {}", weigher.name(), host.host(), e);
      return 0;
    }
  }
}
