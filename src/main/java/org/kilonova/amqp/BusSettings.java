package org.kilonova.amqp;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.kilonova.amqp.wire.Generation;
import org.kilonova.kernel.ConfigurationException;

/**
 * What {@code kilonova.amqp} says, checked: each error names its key.
 *
 * @param url null unless the mode is external
 * @param embeddedPort of the embedded broker
 * @param queues how topics' queues are declared
 * @param prefetch messages that a consumer may hold unacknowledged
 * @param heartbeat zero for none
 * @param retryMin pause before the first new attempt to connect, doubling to {@code retryMax}
 * @param tls empty for plain TCP
 * @param connectionPool connections that publish calls and casts
 * @param threadPool messages of one topic that are worked on at once
 * @param bareFailuresAreLists in answers to bare messages without a version
 * @param deadLetterExchange empty: what cannot be handled is rejected
 * @param versionCaps by topic
 * @param peerFormats by topic, the format that its servers read, if it is not today's
 */
public record BusSettings(
    Mode mode,
    TransportUrl url,
    int embeddedPort,
    String controlExchange,
    Queues queues,
    int prefetch,
    Duration heartbeat,
    Duration retryMin,
    Duration retryMax,
    Optional<Tls> tls,
    int connectionPool,
    int threadPool,
    Duration responseTimeout,
    boolean bareFailuresAreLists,
    Optional<String> deadLetterExchange,
    long maxMessageBytes,
    Map<String, String> versionCaps,
    Map<String, Generation> peerFormats,
    Notifications notifications) {
  private static final String ROOT = "kilonova.amqp.";
  private static final Pattern VERSION = Pattern.compile("\\d+\\.\\d+");

  /** Where the broker is. */
  public enum Mode {
    OFF,
    EMBEDDED,
    EXTERNAL
  }

  /**
   * How topics' queues and exchanges are declared; all that share one have to declare it alike.
   *
   * @param quorum durable then, and kept by RabbitMQ's quorum queues
   * @param transientTtl a fanout or reply queue without a consumer is deleted after so long
   */
  public record Queues(
      boolean durable, boolean autoDelete, boolean quorum, Duration transientTtl) {}

  /**
   * PEM files.
   *
   * @param ca null: those that the JVM trusts
   * @param certificate of ours, null: none is shown to the broker
   * @param key of the certificate, null with it
   */
  public record Tls(Path ca, Path certificate, Path key) {}

  /**
   * Where notifications go.
   *
   * @param envelope {@code messagingv2} rather than {@code messaging}
   */
  public record Notifications(
      boolean on,
      boolean envelope,
      List<String> topics,
      List<String> versionedTopics,
      String exchange) {}

  /**
   * Reads and checks them.
   *
   * @param config the section {@code kilonova.amqp}
   * @throws ConfigurationException that names the key
   */
  public static BusSettings of(Config config) {
    return new Reader(config).settings();
  }

  private static final class Reader {
    private final Config config;

    private Reader(Config config) {
      this.config = config;
    }

    private BusSettings settings() {
      Mode mode = mode();
      int threads = positive("rpc_thread_pool_size");
      int prefetch = number("rabbit_qos_prefetch_count");
      Duration retryMin = positiveDuration("rabbit_retry_interval");
      Duration retryMax = positiveDuration("rabbit_interval_max");
      if (retryMax.compareTo(retryMin) < 0) {
        throw bad("rabbit_interval_max", "is less than rabbit_retry_interval");
      }
      Duration heartbeat = duration("heartbeat_timeout_threshold");
      if (heartbeat.toSeconds() > 65535) {
        throw bad("heartbeat_timeout_threshold", "is more than 65535 seconds");
      }
      if (!text("rabbit_login_method").equals("PLAIN")) {
        throw bad(
            "rabbit_login_method",
            "'" + text("rabbit_login_method") + "' is not PLAIN, which is all that is spoken");
      }
      return new BusSettings(
          mode,
          mode == Mode.EXTERNAL ? url() : null,
          port("embedded.port"),
          nonEmpty("control_exchange"),
          new Queues(
              flag("amqp_durable_queues"),
              flag("amqp_auto_delete"),
              flag("rabbit_quorum_queue"),
              positiveDuration("rabbit_transient_queues_ttl")),
          prefetch == 0 ? threads : Math.clamp(prefetch, 1, 65535),
          heartbeat,
          retryMin,
          retryMax,
          flag("ssl") ? Optional.of(tls()) : Optional.empty(),
          positive("rpc_conn_pool_size"),
          threads,
          positiveDuration("rpc_response_timeout"),
          oneOf("bare-failure", "list", "json").equals("list"),
          oneOf("poison", "reject", "dead-letter").equals("dead-letter")
              ? Optional.of(nonEmpty("dead-letter-exchange"))
              : Optional.empty(),
          maxMessageBytes(),
          versionCaps(),
          peerFormats(),
          notifications());
    }

    /** A URL that is given selects external, so that one environment variable is enough. */
    private Mode mode() {
      String mode = oneOf("mode", "off", "embedded", "external");
      if (!rawUrl().isEmpty()) {
        return Mode.EXTERNAL;
      }
      if (mode.equals("external")) {
        throw bad("transport_url", "is empty, but kilonova.amqp.mode is external");
      }
      return mode.equals("embedded") ? Mode.EMBEDDED : Mode.OFF;
    }

    private String rawUrl() {
      String file = text("transport_url_file");
      if (file.isEmpty()) {
        return text("transport_url");
      }
      try {
        return Files.readString(Path.of(file)).strip();
      } catch (IOException e) {
        throw new ConfigurationException(ROOT + "transport_url_file", "cannot read " + file, e);
      }
    }

    private TransportUrl url() {
      String url = rawUrl();
      if (url.isEmpty()) {
        return null;
      }
      try {
        return TransportUrl.parse(url, flag("ssl") ? 5671 : 5672);
      } catch (IllegalArgumentException e) {
        throw bad(
            text("transport_url_file").isEmpty() ? "transport_url" : "transport_url_file",
            e.getMessage());
      }
    }

    private Tls tls() {
      Path certificate = file("ssl_cert_file");
      Path key = file("ssl_key_file");
      if ((certificate == null) != (key == null)) {
        throw bad(
            certificate == null ? "ssl_cert_file" : "ssl_key_file",
            "is empty, but the other one of the pair is not");
      }
      Tls tls = new Tls(file("ssl_ca_file"), certificate, key);
      TlsContext.of(tls); // whatever is wrong with the files is said now
      return tls;
    }

    private Path file(String key) {
      String name = text(key);
      if (name.isEmpty()) {
        return null;
      }
      Path path = Path.of(name);
      if (!Files.isReadable(path)) {
        throw bad(key, "cannot read " + name);
      }
      return path;
    }

    private Map<String, String> versionCaps() {
      Map<String, String> caps =
          config.getConfig("version-caps").root().entrySet().stream()
              .collect(
                  Collectors.toUnmodifiableMap(
                      Map.Entry::getKey, e -> String.valueOf(e.getValue().unwrapped())));
      caps.forEach(
          (topic, version) -> {
            if (!VERSION.matcher(version).matches()) {
              throw bad("version-caps." + topic, "'" + version + "' is not a version like 1.0");
            }
          });
      return caps;
    }

    private Map<String, Generation> peerFormats() {
      return config.getConfig("peer-formats").root().entrySet().stream()
          .collect(
              Collectors.toUnmodifiableMap(
                  Map.Entry::getKey,
                  e ->
                      switch (String.valueOf(e.getValue().unwrapped())) {
                        case "nova.rpc" -> Generation.G1;
                        case "openstack.common.rpc" -> Generation.G2;
                        case "oslo.messaging" -> Generation.G3;
                        default ->
                            throw bad(
                                "peer-formats." + e.getKey(),
                                "is none of nova.rpc, openstack.common.rpc, oslo.messaging");
                      }));
    }

    private Notifications notifications() {
      String driver = oneOf("notifications.driver", "noop", "messaging", "messagingv2");
      oneOf("notifications.format", "unversioned", "versioned", "both");
      return new Notifications(
          !driver.equals("noop"),
          driver.equals("messagingv2"),
          texts("notifications.topics"),
          texts("notifications.versioned-topics"),
          nonEmpty("notifications.control_exchange"));
    }

    private long maxMessageBytes() {
      try {
        return config.getBytes("max-message-bytes");
      } catch (ConfigException e) {
        throw bad("max-message-bytes", "is not a size like 4 MiB");
      }
    }

    private Duration positiveDuration(String key) {
      Duration value = duration(key);
      if (value.isZero()) {
        throw bad(key, "is not more than nothing");
      }
      return value;
    }

    /** With a unit; without one it is seconds, as oslo has it, and not Typesafe's milliseconds. */
    private Duration duration(String key) {
      Matcher plain = Pattern.compile("\\d{1,9}(\\.\\d+)?").matcher(text(key));
      try {
        Duration value =
            plain.matches()
                ? Duration.ofMillis(Math.round(Double.parseDouble(text(key)) * 1000))
                : config.getDuration(key);
        if (!value.isNegative()) {
          return value;
        }
      } catch (ConfigException e) {
        // said below
      }
      throw bad(key, "'" + text(key) + "' is not a duration like 10 s");
    }

    private int port(String key) {
      int port = positive(key);
      if (port > 65535) {
        throw bad(key, port + " is not a port");
      }
      return port;
    }

    private int positive(String key) {
      int value = number(key);
      if (value < 1) {
        throw bad(key, value + " is not a number from 1 on");
      }
      return value;
    }

    private int number(String key) {
      try {
        int value = config.getInt(key);
        if (value >= 0) {
          return value;
        }
      } catch (ConfigException e) {
        // said below
      }
      throw bad(key, "'" + text(key) + "' is not a whole number from 0 on");
    }

    private boolean flag(String key) {
      try {
        return config.getBoolean(key);
      } catch (ConfigException e) {
        throw bad(key, "'" + text(key) + "' is neither true nor false");
      }
    }

    private String oneOf(String key, String... allowed) {
      String value = text(key);
      if (!List.of(allowed).contains(value)) {
        throw bad(key, "'" + value + "' is none of " + String.join(", ", allowed));
      }
      return value;
    }

    private String nonEmpty(String key) {
      String value = text(key);
      if (value.isEmpty()) {
        throw bad(key, "is empty");
      }
      return value;
    }

    private List<String> texts(String key) {
      try {
        return List.copyOf(config.getStringList(key));
      } catch (ConfigException e) {
        throw bad(key, "is not a list like [notifications]");
      }
    }

    private String text(String key) {
      try {
        return config.getString(key).strip();
      } catch (ConfigException e) {
        throw bad(key, "is not a text");
      }
    }

    private static ConfigurationException bad(String key, String problem) {
      return new ConfigurationException(ROOT + key, problem);
    }
  }
}
