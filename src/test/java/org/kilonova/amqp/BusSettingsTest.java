package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.amqp.BusSettings.Mode;
import org.kilonova.kernel.ConfigurationException;

class BusSettingsTest {
  private static BusSettings settings(String changes) {
    return BusSettings.of(
        ConfigFactory.parseString(changes)
            .withFallback(ConfigFactory.parseResources("reference.conf").getConfig("kilonova.amqp"))
            .resolve());
  }

  @Test
  void theDefaultsAreValidAndTheBusIsOff() {
    BusSettings defaults = settings("");
    assertThat(defaults.mode()).isEqualTo(Mode.OFF);
    assertThat(defaults.prefetch()).isEqualTo(defaults.threadPool()).isEqualTo(64);
    assertThat(defaults.queues().transientTtl()).isEqualTo(Duration.ofMinutes(30));
    assertThat(defaults.deadLetterExchange()).isEmpty();
    assertThat(defaults.notifications().envelope()).isTrue();
  }

  @Test
  void aDurationWithoutAUnitIsSeconds() {
    assertThat(settings("rpc_response_timeout = 90").responseTimeout())
        .isEqualTo(Duration.ofSeconds(90));
    assertThat(settings("rpc_response_timeout = \"0.5\"").responseTimeout())
        .isEqualTo(Duration.ofMillis(500));
    assertThat(settings("rpc_response_timeout = 2 minutes").responseTimeout())
        .isEqualTo(Duration.ofMinutes(2));
  }

  @Test
  void aUrlSelectsExternal() {
    BusSettings external = settings("transport_url = \"rabbit://u:p@one:5673,v:q@two/cloud\"");
    assertThat(external.mode()).isEqualTo(Mode.EXTERNAL);
    assertThat(external.url().toString()).isEqualTo("[one:5673, two:5672]/cloud");
  }

  @Test
  void theUrlMayLieInAFile(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("url");
    Files.writeString(file, "rabbit://u:p@one/\n");
    assertThat(settings("transport_url_file = \"" + file + "\"").url().hosts())
        .containsExactly(new TransportUrl.Host("one", 5672, "u", "p"));
  }

  @Test
  void withTlsThePortIsAnother() {
    assertThat(settings("transport_url = \"rabbit://one\", ssl = true").url().hosts().get(0).port())
        .isEqualTo(5671);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "mode = on | mode",
        "mode = external | transport_url",
        "transport_url = \"http://one\" | transport_url",
        "transport_url = \"rabbit://u:p@one:many/\" | transport_url",
        "transport_url = \"rabbit://u:%zz@one/\" | transport_url",
        "transport_url_file = /nowhere | transport_url_file",
        "embedded.port = 70000 | embedded.port",
        "control_exchange = \"\" | control_exchange",
        "amqp_durable_queues = perhaps | amqp_durable_queues",
        "rabbit_qos_prefetch_count = -1 | rabbit_qos_prefetch_count",
        "rabbit_transient_queues_ttl = soon | rabbit_transient_queues_ttl",
        "rabbit_interval_max = 10 ms | rabbit_interval_max",
        "rabbit_login_method = AMQPLAIN | rabbit_login_method",
        "ssl = true, ssl_ca_file = /nowhere | ssl_ca_file",
        "rpc_thread_pool_size = 0 | rpc_thread_pool_size",
        "rpc_conn_pool_size = few | rpc_conn_pool_size",
        "bare-failure = xml | bare-failure",
        "poison = eat | poison",
        "max-message-bytes = much | max-message-bytes",
        "version-caps { compute = kilo } | version-caps.compute",
        "peer-formats { compute = kilo } | peer-formats.compute",
        "notifications.driver = log | notifications.driver",
        "notifications.topics = 7 | notifications.topics",
      })
  void eachErrorNamesItsKey(String changes, String key) {
    assertThatThrownBy(() -> settings(changes))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.amqp." + key + ": ");
  }

  @Test
  void noErrorShowsThePassword() {
    assertThatThrownBy(() -> settings("transport_url = \"rabbit://u:hidden@one:many/\""))
        .hasMessageNotContaining("hidden");
    assertThat(settings("transport_url = \"rabbit://u:hidden@one/\"").toString())
        .doesNotContain("hidden");
  }
}
