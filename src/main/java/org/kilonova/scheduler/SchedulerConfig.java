package org.kilonova.scheduler;

import com.typesafe.config.Config;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.scheduler.filter.Filters;
import org.kilonova.scheduler.weigh.Weighers;

/** {@code kilonova.scheduler}: makes the driver, filters and weighers that it names. */
public final class SchedulerConfig {
  private static final String KEY = "kilonova.scheduler.";

  private final Config config;

  /** Reads the section {@code kilonova.scheduler}. */
  public SchedulerConfig(Config config) {
    this.config = config;
  }

  /**
   * The driver that is configured.
   *
   * @throws ConfigurationException if it, a filter or a weigher is not known
   */
  public SchedulerDriver driver() {
    return driver(KEY + "driver", config.getString("driver"));
  }

  public Duration claimLife() {
    return config.getDuration("claim-life");
  }

  public Duration readyAfter() {
    return config.getDuration("ready-after");
  }

  public int alternates() {
    return config.getInt("alternates");
  }

  public String defaultZone() {
    return config.getString("default-availability-zone");
  }

  private SchedulerDriver driver(String key, String name) {
    return switch (name) {
      case "filter" ->
          new FilterScheduler(
              filters(), weighers(), multipliers(), config.getInt("host-subset-size"), random());
      case "chance" -> new ChanceScheduler(random());
      case "multi" -> {
        Map<String, SchedulerDriver> byTopic = new LinkedHashMap<>();
        Config topics = config.getConfig("multi");
        topics
            .root()
            .keySet()
            .forEach(
                topic -> {
                  String driver = topics.getString(topic);
                  if (driver.equals("multi")) {
                    throw new ConfigurationException(
                        KEY + "multi." + topic, "cannot be 'multi' again");
                  }
                  byTopic.put(topic, driver(KEY + "multi." + topic, driver));
                });
        yield new MultiScheduler(byTopic, driver(key, "filter"));
      }
      default -> instance(key, name, SchedulerDriver.class, "filter, chance, multi");
    };
  }

  private Random random() {
    long seed = config.getLong("seed");
    return seed == 0 ? new Random() : new Random(seed);
  }

  private List<HostFilter> filters() {
    List<HostFilter> filters = new ArrayList<>();
    for (String name : config.getStringList("filters")) {
      filters.add(named(KEY + "filters", name, Filters.class, HostFilter.class));
    }
    return filters;
  }

  private List<HostWeigher> weighers() {
    List<HostWeigher> weighers = new ArrayList<>();
    for (String name : config.getStringList("weighers")) {
      weighers.add(named(KEY + "weighers", name, Weighers.class, HostWeigher.class));
    }
    return weighers;
  }

  private Map<String, Double> multipliers() {
    Map<String, Double> multipliers = new LinkedHashMap<>();
    Config section = config.getConfig("multipliers");
    section.root().keySet().forEach(name -> multipliers.put(name, section.getDouble(name)));
    return multipliers;
  }

  /** One of ours by its simple name, or anybody's by its class name. */
  private static <T> T named(String key, String name, Class<?> ours, Class<T> type) {
    for (Class<?> nested : ours.getDeclaredClasses()) {
      if (nested.getSimpleName().equals(name) && type.isAssignableFrom(nested)) {
        return instance(key, nested.getName(), type, "");
      }
    }
    return instance(key, name, type, "the names in " + ours.getSimpleName());
  }

  private static <T> T instance(String key, String name, Class<T> type, String known) {
    try {
      return Class.forName(name).asSubclass(type).getConstructor().newInstance();
    } catch (ClassNotFoundException e) {
      throw new ConfigurationException(
          key, "'" + name + "' is neither one of " + known + " nor a class that can be loaded", e);
    } catch (ReflectiveOperationException | ClassCastException e) {
      throw new ConfigurationException(
          key,
          "'"
              + name
              + "' is no "
              + type.getSimpleName()
              + " with a public constructor without arguments",
          e);
    }
  }
}
