package org.kilonova.scheduler;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigRenderOptions;
import java.lang.reflect.InvocationTargetException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
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
    return driver("driver", get("driver", config::getString));
  }

  /** How long a choice counts against its host without the host's word for it. */
  public Duration claimLife() {
    return get("claim-life", config::getDuration);
  }

  /** A new scheduler waits at most so long for the hosts. */
  public Duration readyAfter() {
    return get("ready-after", config::getDuration);
  }

  /** How many next best hosts go with an answer. */
  public int alternates() {
    return get("alternates", config::getInt);
  }

  /** The zone of hosts that no aggregate puts into another. */
  public String defaultZone() {
    return get("default-availability-zone", config::getString);
  }

  private <T> T get(String key, Function<String, T> reader) {
    try {
      return reader.apply(key);
    } catch (ConfigException.Missing e) {
      throw new ConfigurationException(KEY + key, "is missing", e);
    } catch (ConfigException e) {
      String value = config.getValue(key).render(ConfigRenderOptions.concise());
      throw new ConfigurationException(KEY + key, value + " is not of the right kind", e);
    }
  }

  private SchedulerDriver driver(String key, String name) {
    return switch (name) {
      case "filter" -> filterScheduler();
      case "chance" -> new ChanceScheduler(random());
      case "multi" -> {
        if (!key.equals("driver")) {
          throw new ConfigurationException(KEY + key, "cannot be 'multi' again");
        }
        Map<String, SchedulerDriver> byTopic = new LinkedHashMap<>();
        for (String topic : get("multi", config::getConfig).root().keySet()) {
          String topicKey = "multi." + topic;
          byTopic.put(topic, driver(topicKey, get(topicKey, config::getString)));
        }
        yield new MultiScheduler(byTopic, filterScheduler());
      }
      default -> instance(key, name, SchedulerDriver.class, "filter, chance, multi");
    };
  }

  private SchedulerDriver filterScheduler() {
    List<HostFilter> filters = named("filters", Filters.class, HostFilter.class);
    List<HostWeigher> weighers = named("weighers", Weighers.class, HostWeigher.class);
    return new FilterScheduler(
        filters,
        weighers,
        multipliers(weighers),
        get("host-subset-size", config::getInt),
        random());
  }

  private Random random() {
    long seed = get("seed", config::getLong);
    return seed == 0 ? new Random() : new Random(seed);
  }

  private Map<String, Double> multipliers(List<HostWeigher> weighers) {
    List<String> known = weighers.stream().map(HostWeigher::name).toList();
    Map<String, Double> multipliers = new LinkedHashMap<>();
    for (String name : get("multipliers", config::getConfig).root().keySet()) {
      String key = "multipliers." + name;
      if (!known.contains(name)) {
        throw new ConfigurationException(KEY + key, "is none of the weighers in use: " + known);
      }
      multipliers.put(name, get(key, config::getDouble));
    }
    return multipliers;
  }

  /** Ours by their simple names, anybody's by their class names. */
  private <T> List<T> named(String key, Class<?> ours, Class<T> type) {
    Map<String, String> known = new LinkedHashMap<>();
    for (Class<?> nested : ours.getDeclaredClasses()) {
      if (type.isAssignableFrom(nested)) {
        known.put(nested.getSimpleName(), nested.getName());
      }
    }
    List<T> found = new ArrayList<>();
    for (String name : get(key, config::getStringList)) {
      found.add(
          instance(
              key,
              known.getOrDefault(name, name),
              type,
              String.join(", ", known.keySet().stream().sorted().toList())));
    }
    return found;
  }

  /** With a constructor that takes this section, or one without arguments. */
  private <T> T instance(String key, String name, Class<T> type, String known) {
    try {
      Class<? extends T> found = Class.forName(name).asSubclass(type);
      try {
        return found.getConstructor(Config.class).newInstance(config);
      } catch (NoSuchMethodException e) {
        return found.getConstructor().newInstance();
      }
    } catch (ClassNotFoundException | LinkageError e) {
      throw new ConfigurationException(
          KEY + key,
          "'" + name + "' is neither one of " + known + " nor a class that can be loaded",
          e);
    } catch (InvocationTargetException e) {
      throw new ConfigurationException(
          KEY + key, "'" + name + "' cannot be made: " + e.getCause(), e);
    } catch (ReflectiveOperationException | ClassCastException e) {
      throw new ConfigurationException(
          KEY + key,
          "'%s' is no %s with a public constructor that takes a Config or nothing"
              .formatted(name, type.getSimpleName()),
          e);
    }
  }
}
