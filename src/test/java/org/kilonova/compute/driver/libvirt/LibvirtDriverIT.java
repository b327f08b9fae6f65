package org.kilonova.compute.driver.libvirt;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.compute.driver.HypervisorDriver.Leftover;
import org.kilonova.compute.driver.HypervisorDriver.SpawnStep;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The driver on real parts: libvirtd, QEMU, dnsmasq and the demo image. Cloud, bridge and subnet
 * are the test's own, so others on the machine are not met; it needs root.
 */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LibvirtDriverIT {
  private static final Logger log = LoggerFactory.getLogger(LibvirtDriverIT.class);
  private static final Duration BOOT = Duration.ofSeconds(150);

  private static RealHypervisor machine;
  private static String tag;
  private static LibvirtSettings settings;

  private final Specs guest = Specs.guest();
  private LibvirtDriver driver;
  private Nic nic;

  @BeforeAll
  static void startDaemons() {
    machine = RealHypervisor.require();
    tag = UUID.randomUUID().toString().substring(0, 6);
    settings = LibvirtSettings.defaults("it-" + tag, new HostId("host-" + tag));
  }

  @AfterAll
  static void stopDaemons() throws IOException {
    InstanceStore.deleteTree(settings.stateDir());
    machine.close();
  }

  @BeforeEach
  void connect() {
    int subnet = Integer.parseInt(tag.substring(0, 2), 16);
    guest.id = InstanceId.random();
    // Domain names are unique on the machine; the product takes the number from a sequence.
    guest.number = 0x7f000000 | (guest.id.hashCode() & 0xffffff);
    guest.cloudId = settings.cloudId();
    guest.host = settings.host();
    guest.image = machine.image(Map.of());
    nic =
        new Nic(
            UUID.randomUUID().toString(),
            UUID.randomUUID().toString(),
            "flat",
            "fa:16:3e:%s:%s:%s"
                .formatted(tag.substring(0, 2), tag.substring(2, 4), tag.substring(4)),
            List.of("198.18.%d.5".formatted(subnet)),
            "knit" + tag,
            "198.18.%d.0/24".formatted(subnet),
            "198.18.%d.1".formatted(subnet),
            List.of(),
            1400);
    guest.nics.add(nic);
    driver = newDriver(settings);
  }

  private static LibvirtDriver newDriver(LibvirtSettings settings) {
    return new LibvirtDriver(settings, machine, Clock.system());
  }

  @AfterEach
  void removeGuest() {
    driver.destroy(guest.id, new Attempt(99));
    driver.close();
  }

  @Test
  void a_guest_lives_its_whole_life_on_real_parts() throws Exception {
    DomainSpec spec = guest.attempt(1);
    long began = System.nanoTime();
    driver.spawnPaused(spec, LibvirtDriverIT::ignore);
    log.info("spawnPaused took {} ms with a cold cache", millisSince(began));

    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.PAUSED);
    assertThat(driver.consoleOutput(guest.id, 4096)).isEmpty();
    assertThat(driver.leftovers()).isEmpty();
    assertThat(tapPluggedInto(nic)).isTrue();

    driver.resume(guest.id, spec.attempt());
    driver.resume(guest.id, spec.attempt());
    began = System.nanoTime();
    awaitBoots(1);
    log.info("userland {} ms after resume", millisSince(began));
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.RUNNING);
    assertThat(driver.diagnostics(guest.id))
        .containsEntry("memory", spec.flavor().memoryMb() * 1024)
        .containsKeys("cpu0_time", "vda_read_req", nic.tapName() + "_rx", "memory-rss");
    RealHypervisor.await("the guest answers ping", BOOT, () -> machine.ping(nic));

    driver.hardReboot(spec);
    awaitBoots(2);

    RealHypervisor.await("the guest listens to ACPI again", BOOT, () -> machine.ping(nic));
    driver.requestShutdown(guest.id);
    RealHypervisor.await(
        "the guest is off", BOOT, () -> driver.powerState(guest.id) == PowerState.SHUTDOWN);
    driver.requestShutdown(guest.id);
    driver.powerOff(guest.id);
    driver.powerOn(spec);
    driver.powerOn(spec);
    awaitBoots(3);
    driver.powerOff(guest.id);
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.SHUTDOWN);

    driver.destroy(guest.id, spec.attempt());
    assertNothingIsLeft(guest.id, nic);
    driver.destroy(guest.id, spec.attempt());
  }

  @ParameterizedTest
  @EnumSource(SpawnStep.class)
  void a_spawn_that_died_at_any_step_is_taken_up_by_the_next(SpawnStep last) throws Exception {
    DomainSpec spec = guest.attempt(1);
    assertThatThrownBy(() -> driver.spawnPaused(spec, dieAt(last))).isInstanceOf(Killed.class);
    boolean defined = last.compareTo(SpawnStep.DEFINED) >= 0;
    boolean onlyFiles = last == SpawnStep.DISKS_MADE || last == SpawnStep.NETWORK_PLUGGED;
    assertThat(driver.find(guest.id).isPresent()).isEqualTo(defined);
    assertThat(driver.leftovers())
        .isEqualTo(onlyFiles ? List.of(new Leftover(guest.id, spec.attempt())) : List.of());
    driver.close();

    driver = newDriver(settings);
    long began = System.nanoTime();
    driver.spawnPaused(spec, LibvirtDriverIT::ignore);
    log.info("spawnPaused took {} ms after a death at {}", millisSince(began), last);
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.PAUSED);
    assertThat(driver.consoleOutput(guest.id, 4096)).isEmpty();
    driver.destroy(guest.id, spec.attempt());
    assertNothingIsLeft(guest.id, nic);
  }

  @ParameterizedTest
  @EnumSource(SpawnStep.class)
  void what_a_death_at_any_step_left_can_be_destroyed(SpawnStep last) throws Exception {
    DomainSpec spec = guest.attempt(1);
    assertThatThrownBy(() -> driver.spawnPaused(spec, dieAt(last))).isInstanceOf(Killed.class);
    driver.destroy(guest.id, spec.attempt());
    assertNothingIsLeft(guest.id, nic);
  }

  @ParameterizedTest
  @EnumSource(SpawnStep.class)
  void a_higher_attempt_discards_what_a_lower_one_left(SpawnStep last) throws Exception {
    assertThatThrownBy(() -> driver.spawnPaused(guest.attempt(1), dieAt(last)))
        .isInstanceOf(Killed.class);
    driver.spawnPaused(guest.attempt(2), LibvirtDriverIT::ignore);
    assertThat(ownership().attempt()).isEqualTo(new Attempt(2));

    assertThatThrownBy(() -> driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.STALE));
    assertThatThrownBy(() -> driver.resume(guest.id, new Attempt(1)))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.STALE));
    driver.destroy(guest.id, new Attempt(1));
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.PAUSED);
  }

  @Test
  void another_host_of_the_same_machine_takes_over_only_with_a_higher_attempt() throws Exception {
    driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
    LibvirtSettings neighbour =
        new LibvirtSettings(
            settings.uri(),
            settings.cloudId(),
            new HostId("neighbour-" + tag),
            settings.stateDir(),
            settings.hostIp(),
            settings.guests(),
            settings.network(),
            settings.deadlines(),
            LibvirtSettings.Cache.defaults());
    guest.host = neighbour.host();
    try (LibvirtDriver other = newDriver(neighbour)) {
      assertThatThrownBy(() -> other.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore))
          .isInstanceOfSatisfying(
              DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RETRY_ELSEWHERE));
      other.destroy(guest.id, new Attempt(9));
      assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.PAUSED);

      other.spawnPaused(guest.attempt(2), LibvirtDriverIT::ignore);
      driver.destroy(guest.id, new Attempt(9));
      assertThat(other.powerState(guest.id)).isEqualTo(PowerState.PAUSED);
      assertThatThrownBy(() -> driver.powerOff(guest.id))
          .isInstanceOfSatisfying(
              DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.NOT_FOUND));
      other.destroy(guest.id, new Attempt(2));
      assertNothingIsLeft(guest.id, nic);
    }
  }

  @Test
  void a_name_that_another_domain_has_sends_the_instance_elsewhere() {
    driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
    InstanceId first = guest.id;
    guest.id = InstanceId.random();
    try {
      assertThatThrownBy(() -> driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore))
          .isInstanceOfSatisfying(
              DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RETRY_ELSEWHERE));
      assertThat(driver.leftovers()).isEmpty();
    } finally {
      driver.destroy(first, new Attempt(1));
    }
  }

  @Test
  void a_root_disk_that_is_too_small_aborts_and_leaves_nothing() throws Exception {
    guest.image = machine.largeImage();
    assertThatThrownBy(() -> driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABORT))
        .hasMessageStartingWith("Flavor's disk is too small for requested image");
    assertNothingIsLeft(guest.id, nic);
  }

  @Test
  void all_kinds_of_disks_are_made_and_a_config_drive_carries_the_files() throws Exception {
    guest.flavor = Specs.flavor(1, 128, 1, 1, 64);
    guest.files = List.of(new InjectedFile("/etc/motd", "aGVsbG8K"));
    guest.adminPass = "s3cret";
    driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);

    Path directory = settings.stateDir().resolve("instances").resolve(guest.id.toString());
    HostCommands commands = new HostCommands();
    Duration deadline = Duration.ofSeconds(30);
    assertThat(commands.run(deadline, "blkid", "-p", directory.resolve("disk.eph0").toString()))
        .contains("LABEL=\"ephemeral0\"", "TYPE=\"ext4\"");
    assertThat(commands.run(deadline, "blkid", "-p", directory.resolve("disk.swap").toString()))
        .contains("TYPE=\"swap\"");
    assertThat(commands.run(deadline, "blkid", "-p", directory.resolve("disk.config").toString()))
        .contains("LABEL=\"config-2\"", "TYPE=\"iso9660\"");
    String info =
        commands.run(
            deadline,
            "qemu-img",
            "info",
            "--force-share",
            "--output=json",
            directory.resolve("disk").toString());
    assertThat(info).contains("\"virtual-size\": " + (1L << 30)).contains("_base/");
    try (Stream<Path> files = Files.list(directory)) {
      assertThat(files.map(f -> f.getFileName().toString()))
          .containsExactlyInAnyOrder(
              "attempt.json",
              "disk",
              "disk.eph0",
              "disk.swap",
              "disk.config",
              "kernel",
              "ramdisk",
              "console.log");
    }
    assertThat(Files.getPosixFilePermissions(directory.resolve("disk.config"))).hasSize(2);
  }

  @Test
  void a_dead_dhcp_server_is_started_again_and_a_removed_bridge_put_back() throws Exception {
    driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
    ProcessHandle dnsmasq = machine.dnsmasq(settings, nic).orElseThrow();
    dnsmasq.destroyForcibly();
    RealHypervisor.await("dnsmasq is gone", BOOT, () -> !dnsmasq.isAlive());
    driver.close();

    driver = newDriver(settings);
    ProcessHandle second = machine.dnsmasq(settings, nic).orElseThrow();
    new HostCommands().run(Duration.ofSeconds(5), "ip", "link", "delete", nic.bridge());
    driver.close();

    driver = newDriver(settings);
    assertThat(machine.dnsmasq(settings, nic).orElseThrow().pid()).isNotEqualTo(second.pid());
    assertThat(Files.exists(Path.of("/sys/class/net", nic.bridge()))).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"pc", "q35"})
  void qemu_takes_all_the_hardware_that_a_disk_image_may_ask_for(String machineType) {
    guest.image =
        machine.qcow2Image(
            Map.of(
                "hw_machine_type", machineType,
                "hw_disk_bus", "scsi",
                "hw_vif_model", "e1000",
                "hw_video_model", "vga",
                "hw_qemu_guest_agent", "yes",
                "hw_watchdog_action", "reset",
                "img_config_drive", "mandatory",
                "os_type", "windows"));
    guest.flavor = Specs.flavor(2, 128, 1, 0, 0);
    driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
    assertThat(driver.powerState(guest.id)).isEqualTo(PowerState.PAUSED);
  }

  @Test
  void address_translation_comes_with_the_first_port_and_goes_with_the_last() throws Exception {
    Path forwarding = Path.of("/proc/sys/net/ipv4/ip_forward");
    String before = Files.readString(forwarding);
    HostCommands commands = new HostCommands();
    Duration deadline = Duration.ofSeconds(5);
    FlatNetworkHost network =
        new FlatNetworkHost(
            settings.stateDir().resolve("networks"),
            new FileLocks(settings.stateDir().resolve("locks")),
            commands,
            new LibvirtSettings.Network(true, null, true, Duration.ofHours(1)),
            deadline);
    String table = "kilonova-" + nic.bridge();
    try {
      network.plug(List.of(nic));
      network.plug(List.of(nic));
      assertThat(commands.run(deadline, "nft", "list table ip " + table))
          .containsOnlyOnce("masquerade")
          .contains("ip saddr " + nic.cidr());
    } finally {
      network.unplug(List.of(nic));
      Files.writeString(forwarding, before);
    }
    assertThat(commands.run(deadline, "nft", "list tables")).doesNotContain(table);
    network.unplug(List.of(nic));
  }

  @Test
  void an_address_is_given_to_the_next_guest_at_once() {
    Specs keeper = Specs.guest();
    keeper.id = InstanceId.random();
    keeper.number = guest.number ^ 1;
    keeper.cloudId = guest.cloudId;
    keeper.host = guest.host;
    keeper.image = guest.image;
    keeper.nics.add(port(nic.addresses().getFirst() + "0", "fe"));
    driver.spawnPaused(keeper.attempt(1), LibvirtDriverIT::ignore);
    try {
      driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
      driver.resume(guest.id, new Attempt(1));
      RealHypervisor.await("the first guest answers", BOOT, () -> machine.ping(nic));
      driver.destroy(guest.id, new Attempt(1));

      guest.id = InstanceId.random();
      guest.nics.set(0, port(nic.addresses().getFirst(), "ff"));
      driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
      driver.resume(guest.id, new Attempt(1));
      RealHypervisor.await(
          "the next guest answers", BOOT, () -> machine.ping(guest.nics.getFirst()));
    } finally {
      driver.destroy(keeper.id, new Attempt(1));
    }
  }

  /** Another port of the same network. */
  private Nic port(String address, String macEnd) {
    return new Nic(
        UUID.randomUUID().toString(),
        nic.networkId(),
        nic.networkName(),
        nic.mac().substring(0, 15) + macEnd,
        List.of(address),
        nic.bridge(),
        nic.cidr(),
        nic.gateway(),
        nic.dnsServers(),
        nic.mtu());
  }

  @Test
  void the_host_says_what_it_has_and_what_is_used() {
    driver.spawnPaused(guest.attempt(1), LibvirtDriverIT::ignore);
    HostCapabilities has = driver.capabilities();
    assertThat(has.total().vcpus()).isEqualTo(Runtime.getRuntime().availableProcessors());
    assertThat(has.total().memoryMb()).isGreaterThan(512);
    assertThat(has.hypervisorType()).isEqualTo("QEMU");
    assertThat(has.architectures()).contains("x86_64");
    assertThat(has.cpuInfo()).containsKeys("arch", "topology");
    HostUsage used = driver.usage();
    assertThat(used.runningDomains()).isPositive();
    assertThat(used.uptime())
        .matches("\\s*(.+)\\sup\\s+(.+),\\s+(.+)\\susers?,\\s+load average:\\s(.+)");
    DomainInfo mine =
        driver.listDomains().stream()
            .filter(d -> d.uuid().equals(guest.id))
            .findAny()
            .orElseThrow();
    assertThat(mine.used()).isEqualTo(guest.flavor.resources());
    assertThat(mine.isOurs(settings.cloudId(), settings.host())).isTrue();
  }

  // ------------------------------------------------------------------------------------------

  private static void ignore(SpawnStep step) {}

  private static final class Killed extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private static Consumer<SpawnStep> dieAt(SpawnStep last) {
    return step -> {
      if (step == last) {
        throw new Killed();
      }
    };
  }

  private DomainInfo.Ownership ownership() {
    return driver.find(guest.id).orElseThrow().ownership().orElseThrow();
  }

  private void awaitBoots(int boots) {
    RealHypervisor.await(
        "boot " + boots,
        BOOT,
        () -> {
          String console = new String(driver.consoleOutput(guest.id, 1 << 20), UTF_8);
          return console.split("userland reached", -1).length > boots;
        });
  }

  private static boolean tapPluggedInto(Nic nic) {
    return Files.exists(Path.of("/sys/class/net", nic.bridge(), "brif", nic.tapName()));
  }

  private void assertNothingIsLeft(InstanceId id, Nic nic) throws IOException {
    assertThat(driver.find(id)).isEmpty();
    assertThat(driver.leftovers()).isEmpty();
    try (Stream<Path> instances = Files.list(settings.stateDir().resolve("instances"))) {
      assertThat(instances).isEmpty();
    }
    assertThat(Files.exists(Path.of("/sys/class/net", nic.tapName()))).isFalse();
    assertThat(Files.exists(Path.of("/sys/class/net", nic.bridge()))).isFalse();
    assertThat(settings.stateDir().resolve("networks").resolve(nic.networkId())).doesNotExist();
    assertThat(machine.dnsmasq(settings, nic)).isEmpty();
  }

  private static long millisSince(long nanos) {
    return (System.nanoTime() - nanos) / 1_000_000;
  }
}
