package org.kilonova.compute.driver.libvirt;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.kilonova.kernel.InjectedFile;

class ConfigDriveTest {
  private final Specs guest = Specs.guest();

  private JsonNode json(String file) throws IOException {
    return new ObjectMapper().readTree(ConfigDrive.contents(guest.attempt(1)).get(file));
  }

  @Test
  void the_metadata_says_who_the_guest_is_and_what_was_injected() throws IOException {
    guest.keyPublic = "ssh-ed25519 AAAA me";
    guest.adminPass = "s3cret";
    guest.files = List.of(new InjectedFile("/etc/motd", "aGVsbG8="));
    JsonNode data = json("openstack/latest/meta_data.json");
    assertThat(data.path("uuid").asText()).isEqualTo(guest.id.toString());
    assertThat(data.path("hostname").asText()).isEqualTo("web");
    assertThat(data.path("meta").path("role").asText()).isEqualTo("test");
    assertThat(data.path("public_keys").path("key-1").asText()).isEqualTo("ssh-ed25519 AAAA me");
    assertThat(data.path("keys").path(0).path("type").asText()).isEqualTo("ssh");
    assertThat(data.path("admin_pass").asText()).isEqualTo("s3cret");
    assertThat(data.path("files").path(0).path("path").asText()).isEqualTo("/etc/motd");
    assertThat(data.path("files").path(0).path("content_path").asText()).isEqualTo("/content/0000");
    assertThat(ConfigDrive.contents(guest.attempt(1)).get("openstack/content/0000"))
        .isEqualTo("hello".getBytes(UTF_8));
  }

  @Test
  void user_data_is_decoded() {
    guest.userData = "I2Nsb3VkLWNvbmZpZwo=";
    assertThat(ConfigDrive.contents(guest.attempt(1)).get("openstack/latest/user_data"))
        .isEqualTo("#cloud-config\n".getBytes(UTF_8));
  }

  @Test
  void each_port_is_a_link_and_a_dhcp_network() throws IOException {
    guest.nics.add(Specs.nic());
    JsonNode data = json("openstack/latest/network_data.json");
    assertThat(data.path("links").path(0).path("ethernet_mac_address").asText())
        .isEqualTo("fa:16:3e:00:00:01");
    assertThat(data.path("networks").path(0).path("link").asText())
        .isEqualTo(data.path("links").path(0).path("id").asText());
    assertThat(data.path("services").path(0).path("address").asText()).isEqualTo("198.18.0.1");
  }

  @Test
  void it_is_made_on_demand_and_whenever_there_are_injected_files() {
    assertThat(ConfigDrive.isWanted(guest.attempt(1), false)).isFalse();
    assertThat(ConfigDrive.isWanted(guest.attempt(1), true)).isTrue();
    guest.files = List.of(new InjectedFile("/a", ""));
    assertThat(ConfigDrive.isWanted(guest.attempt(1), false)).isTrue();
    guest.files = List.of();
    guest.image = Specs.diskImage("raw", Map.of("img_config_drive", "mandatory"));
    assertThat(ConfigDrive.isWanted(guest.attempt(1), false)).isTrue();
  }
}
