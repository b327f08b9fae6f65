package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class TwinDomainTest {
  private static final String ORIGINAL = "6f2c9f0e-0000-4000-8000-000000000001";
  private static final String TWIN = "a1b2c3d4-0000-4000-8000-000000000002";

  private static final String DOMAIN =
      """
      <domain type='qemu'>
        <name>instance-6f2c9f0e</name>
        <uuid>%1$s</uuid>
        <metadata><kilonova:instance xmlns:kilonova='urn:k' cloud='c' attempt='1'/></metadata>
        <sysinfo type='smbios'><system>
          <entry name='serial'>%1$s</entry><entry name='family'>Virtual Machine</entry>
        </system></sysinfo>
        <devices>
          <disk type='file' device='disk'>
            <driver name='qemu' type='qcow2' cache='none'/>
            <source file='/d/%1$s/disk'/>
            <backingStore type='file'>
              <format type='raw'/><source file='/d/base/image'/><backingStore/>
            </backingStore>
            <target dev='vda' bus='virtio'/>
          </disk>
          <disk type='file' device='cdrom'>
            <source file='/d/%1$s/disk.config'/><target dev='hda' bus='ide'/><readonly/>
          </disk>
          <interface type='bridge'>
            <mac address='fa:16:3e:00:00:01'/><source bridge='br'/><target dev='tap6f2c9f0e'/>
          </interface>
          <serial type='pty'>
            <log file='/d/%1$s/console.log' append='on'/><target port='0'/>
          </serial>
        </devices>
      </domain>
      """
          .formatted(ORIGINAL);

  @Test
  void itSharesNothingThatOnlyOneCanHave() {
    TwinDomain twin = TwinDomain.of(DOMAIN, TWIN, Path.of("/t"));
    assertThat(twin.xml())
        .doesNotContain("instance-6f2c9f0e", "fa:16:3e", "tap6f2c9f0e", "kilonova", "<metadata>")
        .contains("<uuid>" + TWIN + "</uuid>", "name=\"serial\">" + TWIN + "<")
        .contains("52:54:00:a1:b2:c3", "file=\"/t/console.log\"", "file=\"/t/disk\"");
    assertThat(TwinDomain.console(twin.xml())).isEqualTo(Path.of("/t/console.log"));
  }

  @Test
  void itKeepsAllElse() {
    assertThat(TwinDomain.of(DOMAIN, TWIN, Path.of("/t")).xml())
        .contains("cache=\"none\"", "bridge=\"br\"", "<readonly/>", "port=\"0\"")
        .contains("file=\"/d/" + ORIGINAL + "/disk.config\"", "Virtual Machine");
  }

  @Test
  void itsDisksAreOverlaysOfTheSameImage() {
    assertThat(TwinDomain.of(DOMAIN, TWIN, Path.of("/t")).disks())
        .containsExactly(
            new TwinDomain.Disk(
                Path.of("/t/disk"),
                Path.of("/d/base/image"),
                "raw",
                Path.of("/d/" + ORIGINAL + "/disk")));
  }

  @Test
  void aDiskWithoutABackingFileIsRefused() {
    String flat = DOMAIN.replaceFirst("(?s)<backingStore type.*?</backingStore>", "");
    assertThatThrownBy(() -> TwinDomain.of(flat, TWIN, Path.of("/t")))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("no overlay");
  }
}
