package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/** The driver on libvirt's built-in test driver: everything but QEMU and the network is real. */
class LibvirtTestDriverIT {
  @TempDir Path directory;
  private final Specs guest = Specs.guest();
  private LibvirtDriver driver;

  @BeforeEach
  void connect() {
    guest.id = InstanceId.random();
    guest.image = Specs.diskImage("raw", java.util.Map.of());
    driver =
        new LibvirtDriver(
            LibvirtSettings.defaults(guest.cloudId, guest.host)
                .withUri("test:///default")
                .withStateDir(directory),
            (id, checksum, target) -> {
              try {
                Files.writeString(target, "disk");
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            },
            Clock.system());
  }

  @AfterEach
  void close() {
    driver.destroy(guest.id, new Attempt(99));
    driver.close();
  }

  @Test
  void a_domain_goes_through_all_its_power_states() {
    driver.spawnPaused(guest.attempt(1), step -> {});
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.PAUSED);
    driver.resume(guest.id, new Attempt(1));
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.RUNNING);
    driver.powerOff(guest.id);
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.SHUTDOWN);
    driver.powerOn(guest.attempt(1));
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.RUNNING);
    driver.hardReboot(guest.attempt(1));
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.RUNNING);
    driver.destroy(guest.id, new Attempt(1));
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.NOSTATE);
    assertThat(directory.resolve("instances")).isEmptyDirectory();
  }

  @Test
  void a_foreign_domain_is_listed_and_never_touched() {
    DomainInfo foreign =
        driver.listDomains().stream().filter(d -> d.name().equals("test")).findAny().orElseThrow();
    assertThat(foreign.ownership()).isEmpty();
    assertThat(foreign.used().memoryMb()).isPositive();
    driver.destroy(foreign.uuid(), new Attempt(1000));
    assertThat(driver.powerState(foreign.uuid())).isEqualTo(PowerState.RUNNING);
    assertThatThrownBy(() -> driver.powerOff(foreign.uuid()))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.NOT_FOUND));
    guest.id = foreign.uuid();
    assertThatThrownBy(() -> driver.spawnPaused(guest.attempt(1), step -> {}))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RETRY_ELSEWHERE));
  }
}
