package org.kilonova.amqp.service;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigValue;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.amqp.wire.RpcVersion;
import org.kilonova.kernel.ConfigurationException;

/** The managers of this process, by what they listen on. */
public final class ManagerRegistry {
  static final String KEY = "kilonova.amqp.managers";

  private final Map<Listening, List<Endpoint>> endpoints = new LinkedHashMap<>();

  /**
   * What a service consumes.
   *
   * @param exchange null for the configured control exchange
   */
  public record Listening(String exchange, String topic) {}

  /** A manager, with its methods by their names on the bus. */
  record Endpoint(Manager manager, Map<String, Method> methods) {
    /** Whether it serves who asks for this version. */
    boolean answers(String version) {
      for (String has : manager.versions()) {
        if (RpcVersion.isCompatible(has, version)) {
          return true;
        }
      }
      return false;
    }
  }

  /**
   * Of these.
   *
   * @throws IllegalArgumentException if one's methods cannot be called, or two answer the same
   *     method of a topic, in the same namespace and major version
   */
  public ManagerRegistry(List<Manager> managers) {
    Map<String, Manager> answering = new HashMap<>();
    for (Manager manager : managers) {
      Endpoint endpoint = new Endpoint(manager, methods(manager));
      List<String> answered = new ArrayList<>(endpoint.methods().keySet());
      if (manager.fallback() != null) {
        answered.add("any other method");
      }
      for (String version : manager.versions()) {
        for (String method : answered) {
          String what =
              "%s, topic %s, namespace %s, version %s.x"
                  .formatted(method, manager.topic(), manager.namespace(), major(manager, version));
          Manager other = answering.putIfAbsent(manager.exchange() + "/" + what, manager);
          if (other != null) {
            throw new IllegalArgumentException(
                "%s and %s both answer %s".formatted(name(other), name(manager), what));
          }
        }
      }
      endpoints
          .computeIfAbsent(
              new Listening(manager.exchange(), manager.topic()), on -> new ArrayList<>())
          .add(endpoint);
    }
  }

  /**
   * The managers that {@code kilonova.amqp.managers} names.
   *
   * @param amqp the section {@code kilonova.amqp}
   * @throws ConfigurationException if one cannot be made
   */
  public static List<Manager> configured(Config amqp) {
    List<Manager> managers = new ArrayList<>();
    try {
      for (ConfigValue entry : amqp.getList("managers")) {
        Config section =
            entry instanceof ConfigObject object ? object.toConfig() : ConfigFactory.empty();
        managers.add(
            Drivers.make(
                entry instanceof ConfigObject
                    ? section.getString("class")
                    : String.valueOf(entry.unwrapped()),
                Manager.class,
                section));
      }
    } catch (ConfigException e) {
      throw new ConfigurationException(
          KEY, "is no list of class names, or of { class = \"...\", ... }", e);
    }
    return managers;
  }

  /** What has to be consumed. */
  public Set<Listening> listening() {
    return Set.copyOf(endpoints.keySet());
  }

  /** Who answers there; empty if nobody does. */
  List<Endpoint> endpoints(Listening on) {
    return endpoints.getOrDefault(on, List.of());
  }

  private static Map<String, Method> methods(Manager manager) {
    Map<String, Method> methods = new LinkedHashMap<>();
    for (Class<?> c = manager.getClass(); c != null; c = c.getSuperclass()) {
      for (Method method : c.getDeclaredMethods()) {
        Rpc rpc = method.getAnnotation(Rpc.class);
        if (rpc == null || method.isBridge()) {
          continue;
        }
        String where = name(manager) + "." + method.getName();
        if (!Modifier.isPublic(method.getModifiers())
            || method.getParameterCount() != 1
            || method.getParameterTypes()[0] != RpcCall.class) {
          throw new IllegalArgumentException(
              where + " has to be public, with one parameter RpcCall");
        }
        method.setAccessible(true);
        for (String name : rpc.value()) {
          Method other = methods.putIfAbsent(name, method);
          // A subclass's method goes before the one that it overrides.
          if (other != null && !other.getName().equals(method.getName())) {
            throw new IllegalArgumentException(
                "%s and %s both answer %s".formatted(where, other.getName(), name));
          }
        }
      }
    }
    return methods;
  }

  private static String major(Manager manager, String version) {
    if (!RpcVersion.isCompatible(version, version)) {
      throw new IllegalArgumentException(
          name(manager) + " has version " + version + ", which is no major.minor");
    }
    return version.substring(0, version.indexOf('.'));
  }

  private static String name(Manager manager) {
    return manager.getClass().getName();
  }
}
