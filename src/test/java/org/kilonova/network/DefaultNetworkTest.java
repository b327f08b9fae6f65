package org.kilonova.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.ConfigFactory;
import java.util.HashSet;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.kernel.InstanceId;

class DefaultNetworkTest {
  static DefaultNetwork of(String config) {
    return DefaultNetwork.of(
        ConfigFactory.parseString(config)
            .withFallback(ConfigFactory.defaultReference().getConfig("kilonova.network.default")));
  }

  @Test
  void thePackagedConfigurationIsAWorkingNetwork() {
    DefaultNetwork network = of("");

    assertThat(network.name()).isEqualTo("flat");
    assertThat(network.cidr()).isEqualTo("10.57.0.0/16");
    assertThat(network.gateway()).isEqualTo("10.57.0.1");
    assertThat(network.mtu()).isEqualTo(1500);
    assertThat(network.bridge()).isEqualTo("br-kilonova");
  }

  @Test
  void theGatewayIsTheFirstAddressUnlessOneIsNamed() {
    assertThat(of("cidr = \"10.1.2.64/27\"").gateway()).isEqualTo("10.1.2.65");
    assertThat(of("cidr = \"10.1.2.64/27\", gateway = 10.1.2.94").gateway()).isEqualTo("10.1.2.94");
  }

  @ParameterizedTest
  @CsvSource({
    "cidr, 10.1.2.64",
    "cidr, 10.1.2.65/27",
    "cidr, 10.0.0.0/7",
    "cidr, 10.0.0.0/30",
    "cidr, fd00::/64",
    "cidr, flat",
    "gateway, 10.57.0.0",
    "gateway, 10.57.255.255",
    "gateway, 10.58.0.1",
    "gateway, fd00::1",
    "gateway, here",
    "bridge, br-with-a-long-name",
    "bridge, br/1",
    "mtu, 68",
    "mtu, big",
    "dns-servers, 10.1.1.1",
    "name, ' '",
  })
  void whatMakesNoSenseNamesItsKey(String key, String value) {
    assertThatThrownBy(() -> of("%s = \"%s\"".formatted(key, value)))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.network.default." + key + ": ")
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  @Test
  void portsAndTheirMacAddressesFollowFromTheInstance() {
    InstanceId id = InstanceId.random();
    UUID port = Addresses.portId(id, 0);

    assertThat(Addresses.portId(id, 0)).isEqualTo(port);
    assertThat(Addresses.portId(id, 1)).isNotEqualTo(port);
    assertThat(Addresses.mac(port, 0))
        .isEqualTo(Addresses.mac(port, 0))
        .matches("fa:16:3e(:[0-9a-f]{2}){3}");
    Set<String> tried = new HashSet<>();
    for (int attempt = 0; attempt < 10; attempt++) {
      tried.add(Addresses.mac(port, attempt));
    }
    assertThat(tried).hasSize(10);
  }
}
