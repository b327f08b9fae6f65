package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HypervisorDriver.VncServer;
import org.kilonova.compute.driver.libvirt.LibvirtSettings.Guests;

/**
 * Whole definitions are compared with the files in {@code src/test/resources/golden/libvirt};
 * {@code -Dgolden.update=true} writes them anew, to be read before they are committed.
 */
class DomainXmlTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/libvirt");
  private static final DomainXml.Files FILES =
      new DomainXml.Files(
          Path.of("/var/lib/kilonova/cloud-1/instances/i"),
          Path.of("/var/lib/kilonova/cloud-1/_base/b"));

  private final Specs guest = Specs.guest();

  private static String write(String domainType, Guests guests, DomainSpec spec) {
    DomainXml xml = new DomainXml(guests, domainType);
    DiskPlan plan =
        DiskPlan.of(
            spec, ConfigDrive.isWanted(spec, guests.configDriveAlways()), xml.machineType(spec));
    return xml.write(spec, plan, FILES);
  }

  private static String write(DomainSpec spec) {
    return write("qemu", Guests.defaults(), spec);
  }

  private static void assertGolden(String name, String actual) throws IOException {
    Path file = GOLDEN.resolve(name + ".xml");
    if (Boolean.getBoolean("golden.update")) {
      Files.createDirectories(GOLDEN);
      Files.writeString(file, actual);
    }
    assertThat(actual).isEqualTo(Files.readString(file));
  }

  @Test
  void a_three_part_guest_boots_from_kernel_and_ramdisk() throws IOException {
    guest.image = Specs.threePartImage(Map.of());
    guest.nics.add(Specs.nic());
    assertGolden("three-part", write(guest.attempt(1)));
  }

  @Test
  void a_disk_guest_under_kvm_has_all_its_disks_and_the_host_s_cpu() throws IOException {
    guest.flavor = Specs.flavor(2, 2048, 20, 10, 512);
    guest.configDrive = true;
    guest.serverGroup = "group-1";
    guest.nics.add(Specs.nic());
    assertGolden("disks-kvm", write("kvm", Guests.defaults(), guest.attempt(3)));
  }

  @Test
  void image_properties_choose_the_hardware() throws IOException {
    guest.image =
        Specs.diskImage(
            "qcow2",
            Map.of(
                "hw_disk_bus", "scsi",
                "hw_vif_model", "e1000",
                "hw_video_model", "vga",
                "hw_machine_type", "q35",
                "hw_firmware_type", "uefi",
                "hw_qemu_guest_agent", "yes",
                "hw_watchdog_action", "reset",
                "img_config_drive", "mandatory",
                "os_type", "windows"));
    guest.nics.add(Specs.nic());
    assertGolden("image-properties", write(guest.attempt(1)));
  }

  @Test
  void the_image_s_command_line_is_honoured() {
    guest.image = Specs.threePartImage(Map.of("os_command_line", "root=LABEL=x quiet"));
    assertThat(write(guest.attempt(1))).contains("<cmdline>root=LABEL=x quiet</cmdline>");
  }

  @Test
  void the_root_device_in_the_command_line_follows_the_bus() {
    guest.image = Specs.threePartImage(Map.of("hw_disk_bus", "ide"));
    assertThat(write(guest.attempt(1))).contains("<cmdline>root=/dev/hda console=ttyS0</cmdline>");
  }

  @Test
  void what_users_wrote_cannot_become_markup() {
    guest.displayName = "</metadata><devices>&\u0001\"'";
    guest.image = Specs.threePartImage(Map.of("os_command_line", "]]><disk/>"));
    String xml = write(guest.attempt(1));
    assertThat(Xml.children(Xml.parse(xml), "devices")).hasSize(1);
    assertThat(xml)
        .contains("&lt;/metadata&gt;&lt;devices&gt;&amp;\ufffd")
        .doesNotContain("<disk/>");
  }

  @ParameterizedTest
  @CsvSource({
    "hw_vif_model,sb16",
    "hw_video_model,vga' primary='",
    "hw_watchdog_action,explode",
    "hw_disk_bus,floppy",
    "hw_cdrom_bus,virtio"
  })
  void hardware_that_does_not_exist_aborts(String property, String value) {
    guest.configDrive = true;
    guest.nics.add(Specs.nic());
    guest.image = Specs.diskImage("raw", Map.of(property, value));
    assertThatThrownBy(() -> write(guest.attempt(1)))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABORT));
  }

  @Test
  void a_named_cpu_model_is_used_when_it_is_configured() {
    Guests guests =
        new Guests(LibvirtSettings.VirtType.AUTO, "custom", "Nehalem", null, "none", false, null);
    assertThat(write("qemu", guests, guest.attempt(1)))
        .contains("<cpu match=\"exact\" mode=\"custom\">", "<model>Nehalem</model>")
        .doesNotContain("<graphics");
  }

  @Test
  void a_running_guests_display_is_where_libvirt_says() {
    String xml =
        """
        <domain type="qemu"><devices>
          <graphics type="spice" port="5900"/>
          <graphics type="vnc" port="%s" autoport="yes" listen="%s">
            <listen type="address" address="%s"/>
          </graphics>
        </devices></domain>
        """;
    assertThat(DomainXml.vncServer(xml.formatted("5903", "127.0.0.2", "127.0.0.2"), "host-1"))
        .contains(new VncServer("127.0.0.2", "host-1", 5903));
    assertThat(DomainXml.vncServer(xml.formatted("5903", "0.0.0.0", "0.0.0.0"), "host-1"))
        .contains(new VncServer("127.0.0.1", "host-1", 5903));
    // Not started, or without a display.
    assertThat(DomainXml.vncServer(xml.formatted("-1", "", ""), "host-1")).isEmpty();
    assertThat(DomainXml.vncServer("<domain><devices/></domain>", "host-1")).isEmpty();
  }

  @Test
  void metadata_is_read_back_as_it_was_written() {
    guest.nics.add(Specs.nic());
    guest.serverGroup = "group-1";
    guest.flavor = Specs.flavor(2, 2048, 20, 10, 512);
    DomainSpec spec = guest.attempt(7);
    Xml.Builder root = Xml.Builder.root("metadata");
    DomainMetadata.write(root, spec);
    String element = root.toString().replaceFirst("<metadata>", "").replace("</metadata>", "");

    DomainMetadata read = DomainMetadata.read(element);
    assertThat(read.ownership().cloudId()).isEqualTo(spec.cloudId());
    assertThat(read.ownership().host()).isEqualTo(spec.host());
    assertThat(read.ownership().attempt()).isEqualTo(spec.attempt());
    assertThat(read.ownership().projectId()).isEqualTo(spec.projectId());
    assertThat(read.ownership().serverGroup()).isEqualTo("group-1");
    assertThat(read.used()).isEqualTo(spec.flavor().resources());
    assertThat(read.nics()).isEqualTo(List.of(Specs.nic()));
  }

  @Test
  void metadata_with_entities_is_refused() {
    assertThatThrownBy(
            () -> DomainMetadata.read("<!DOCTYPE x [<!ENTITY e SYSTEM '/etc/passwd'>]><x>&e;</x>"))
        .isInstanceOf(IllegalArgumentException.class);
  }
}
