package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.compute.driver.libvirt.LibvirtSettings.VirtType;

class HardwareVirtualizationTest {
  @TempDir Path directory;

  private HardwareVirtualization machine(String flags, boolean device) throws IOException {
    Path cpuinfo = directory.resolve("cpuinfo");
    Files.writeString(cpuinfo, "processor\t: 0\nflags\t\t: fpu " + flags + "\nbugs\t\t: svm\n");
    Path kvm = directory.resolve("kvm");
    if (device) {
      Files.createFile(kvm);
    }
    return new HardwareVirtualization(cpuinfo, kvm);
  }

  @ParameterizedTest
  @ValueSource(strings = {"vmx", "svm"})
  void a_flag_and_a_device_give_kvm(String flag) throws IOException {
    assertThat(machine("vme " + flag + " lm", true).domainType(VirtType.AUTO)).isEqualTo("kvm");
  }

  @Test
  void a_device_without_the_flag_is_not_believed() throws IOException {
    assertThat(machine("vme svm_lock avmx", true).domainType(VirtType.AUTO)).isEqualTo("qemu");
  }

  @Test
  void a_flag_without_the_device_gives_qemu() throws IOException {
    assertThat(machine("vmx", false).domainType(VirtType.AUTO)).isEqualTo("qemu");
  }

  @Test
  void kvm_that_is_demanded_and_missing_stops_the_start() throws IOException {
    HardwareVirtualization machine = machine("lm", true);
    assertThatThrownBy(() -> machine.domainType(VirtType.KVM))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("virt-type is kvm")
        .hasMessageContaining("neither vmx nor svm");
  }

  @Test
  void qemu_that_is_demanded_is_given_on_any_machine() throws IOException {
    assertThat(machine("vmx", true).domainType(VirtType.QEMU)).isEqualTo("qemu");
  }
}
