package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.kernel.ConfigurationException;

/** What an operator got wrong is one line that names the key, before anything is started. */
class NodeSettingsTest {
  @ParameterizedTest
  @CsvSource({
    "kilonova.roles, boss",
    "kilonova.compute.driver, xen",
    "kilonova.scheduler.driver, best",
    "kilonova.api.auth-strategy, none",
    "kilonova.quota.instances, -7",
    "kilonova.network.default.cidr, 10.0.0.0/33",
    "kilonova.compute.simulated-hosts, 3",
  })
  void aWrongValueIsNamedByItsKey(String key, String value) {
    assertThatThrownBy(() -> Node.start(config(key + " = \"" + value + "\"")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith(key);
  }

  @Test
  void anUnknownFilterIsNamedByItsKey() {
    assertThatThrownBy(() -> Node.start(config("kilonova.scheduler.filters = [NoSuchFilter]")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.scheduler.filters")
        .hasMessageContaining("NoSuchFilter");
  }

  @Test
  void lettingEverybodyInIsRefusedOnAnAddressThatOthersReach() {
    assertThatThrownBy(
            () ->
                Node.start(config("kilonova.api { host = \"0.0.0.0\", auth-strategy = noauth2 }")))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.api.auth-strategy");
  }

  @Test
  void twoManagersThatAnswerTheSameStopTheStart() {
    assertThatThrownBy(
            () ->
                Node.start(
                    config(
                        """
                        kilonova.amqp.mode = embedded
                        kilonova.amqp.managers = [
                          org.kilonova.amqp.manager.TimeManager, org.kilonova.amqp.manager.TimeManager
                        ]
                        """)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.amqp.managers")
        .hasMessageContaining("func_call");
  }

  private static Config config(String text) {
    return ConfigFactory.load(
        ConfigFactory.parseString(text)
            .withFallback(ConfigFactory.parseResources("application.conf")));
  }
}
