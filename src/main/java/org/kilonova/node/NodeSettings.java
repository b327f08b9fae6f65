package org.kilonova.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.kilonova.compute.HostAgent;
import org.kilonova.instance.InstanceSettings;
import org.kilonova.kernel.AllocationRatios;
import org.kilonova.kernel.ConfigurationException;

/** What {@code kilonova} in the configuration says, checked: each error names its key. */
final class NodeSettings {
  private static final Set<String> ROLES = Set.of("controller", "compute");

  private final Config config;

  NodeSettings(Config root) {
    this.config = root.getConfig("kilonova");
  }

  Config config() {
    return config;
  }

  Set<String> roles() {
    Set<String> roles = Set.copyOf(list("roles"));
    if (roles.isEmpty() || !ROLES.containsAll(roles)) {
      throw new ConfigurationException(
          "kilonova.roles", "'" + text("roles") + "' is not made of " + ROLES);
    }
    return roles;
  }

  boolean isController() {
    return roles().contains("controller");
  }

  boolean isCompute() {
    return roles().contains("compute");
  }

  Path stateDir() {
    return Path.of(text("state-dir")).toAbsolutePath().normalize();
  }

  Path dataDir(String cloudId) {
    return Path.of(text("data-dir")).toAbsolutePath().normalize().resolve(cloudId);
  }

  List<String> seeds() {
    return list("cluster.seeds");
  }

  String databasePassword() {
    return secret("database.password", "database.password-file");
  }

  /** The classic bus's external broker. Holds a password. */
  String transportUrl() {
    return secret("amqp.transport_url", "amqp.transport_url_file");
  }

  private String secret(String key, String fileKey) {
    String file = text(fileKey);
    if (file.isEmpty()) {
      return text(key);
    }
    try {
      return Files.readString(Path.of(file)).strip();
    } catch (IOException e) {
      throw new ConfigurationException(
          "kilonova." + fileKey, "cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  boolean isDatabaseEmbedded() {
    String mode = text("database.mode");
    return switch (mode) {
      case "embedded" -> text("database.url").isEmpty();
      case "external" -> {
        if (text("database.url").isEmpty()) {
          throw new ConfigurationException(
              "kilonova.database.url", "is empty, but kilonova.database.mode is external");
        }
        yield false;
      }
      default ->
          throw new ConfigurationException(
              "kilonova.database.mode", "'" + mode + "' is neither embedded nor external");
    };
  }

  InstanceSettings instances(String cloudId) {
    return new InstanceSettings(
        cloudId,
        duration("boot.deadline"),
        duration("boot.task-deadline"),
        duration("boot.wake-grace"),
        number("boot.max-attempts"),
        duration("boot.resend-min"),
        duration("boot.resend-max"),
        duration("boot.idle-timeout"));
  }

  AllocationRatios ratios() {
    return new AllocationRatios(
        config.getDouble("compute.cpu-allocation-ratio"),
        config.getDouble("compute.ram-allocation-ratio"),
        config.getDouble("compute.disk-allocation-ratio"));
  }

  HostAgent.WorkerSettings worker() {
    return new HostAgent.WorkerSettings(
        duration("compute.poll-interval"),
        duration("compute.run-deadline"),
        duration("compute.shutdown-deadline"));
  }

  String computeHost() {
    String host = text("compute.host");
    if (!host.isEmpty()) {
      return host;
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      throw new ConfigurationException(
          "kilonova.compute.host", "is empty and the machine has no host name", e);
    }
  }

  /** The front door as clients reach it, without a slash at the end. */
  String publicUrl() {
    String url = text("api.public-url");
    return url.isEmpty()
        ? "http://" + text("api.host") + ":" + number("api.port")
        : url.replaceAll("/+$", "");
  }

  /** This controller's own front door, as the other processes of the cluster reach it. */
  String endpoint() {
    String url = text("api.internal-url");
    return url.isEmpty()
        ? "http://" + text("api.host") + ":" + number("api.port")
        : url.replaceAll("/+$", "");
  }

  /** The page that shows a guest's display, as browsers reach it; null if there is none. */
  String novncBaseUrl() {
    String url = text("console.novncproxy-base-url");
    int port = number("console.port");
    if (url.isEmpty()) {
      return port == 0 ? null : "http://" + text("console.host") + ":" + port + "/vnc_auto.html";
    }
    return url;
  }

  /** The first administrator's password, if the operator chose one; else empty. */
  String adminPassword() {
    return secret("api.admin-password", "api.admin-password-file");
  }

  String text(String key) {
    return config.getString(key).strip();
  }

  int number(String key) {
    try {
      return config.getInt(key);
    } catch (ConfigException.WrongType e) {
      throw new ConfigurationException("kilonova." + key, "is not a whole number", e);
    }
  }

  Duration duration(String key) {
    try {
      return config.getDuration(key);
    } catch (ConfigException.BadValue | ConfigException.WrongType e) {
      throw new ConfigurationException("kilonova." + key, "is not a duration like 10 s", e);
    }
  }

  private List<String> list(String key) {
    return Arrays.stream(text(key).split(","))
        .map(String::strip)
        .filter(s -> !s.isEmpty())
        .collect(Collectors.toList());
  }
}
