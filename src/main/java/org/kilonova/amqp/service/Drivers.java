package org.kilonova.amqp.service;

import com.typesafe.config.Config;
import java.lang.reflect.InvocationTargetException;
import org.kilonova.kernel.ConfigurationException;

/** Makes what the configuration names: managers, and the drivers that do their work. */
public final class Drivers {
  private Drivers() {}

  /**
   * A manager's driver.
   *
   * @param section the manager's own
   * @param key in which its class name stands; it is made with the section, or without arguments
   * @throws ConfigurationException that says what is wrong with it
   */
  public static <T> T driver(Config section, String key, Class<T> type) {
    return make(section.getString(key), type, section);
  }

  static <T> T make(String name, Class<T> type, Config section) {
    try {
      Class<? extends T> found = Class.forName(name).asSubclass(type);
      try {
        return found.getConstructor(Config.class).newInstance(section);
      } catch (NoSuchMethodException e) {
        return found.getConstructor().newInstance();
      }
    } catch (ClassNotFoundException | LinkageError e) {
      throw problem("'" + name + "' is no class that can be loaded", e);
    } catch (InvocationTargetException e) {
      if (e.getCause() instanceof ConfigurationException clear) {
        throw clear;
      }
      throw problem("'" + name + "' cannot be made: " + e.getCause().getMessage(), e);
    } catch (ReflectiveOperationException | ClassCastException e) {
      throw problem(
          "'%s' is no %s with a public constructor that takes a Config or nothing"
              .formatted(name, type.getSimpleName()),
          e);
    }
  }

  private static ConfigurationException problem(String what, Throwable cause) {
    return new ConfigurationException(ManagerRegistry.KEY, what, cause);
  }
}
