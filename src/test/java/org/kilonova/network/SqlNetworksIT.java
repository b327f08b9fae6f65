package org.kilonova.network;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Networks.ChangeRequest;
import org.kilonova.network.Networks.Changed;
import org.kilonova.network.Networks.FixedIpNotFoundException;
import org.kilonova.network.Networks.NetworkConflictException;
import org.kilonova.network.Networks.NetworkRequest;
import org.kilonova.network.Networks.NetworkRequest.Mode;
import org.kilonova.network.Networks.NetworkRequestException;
import org.kilonova.network.Networks.NoMoreAddressesException;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.network.Networks.UnknownNetworkException;
import org.kilonova.network.Networks.Untold;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
@Timeout(120)
class SqlNetworksIT {
  private static final String OWNER = "admin-project";
  private static final String OTHER = "other-project";
  private static final HostId HOST = new HostId("host-1");

  private final Database database;
  private Instant now = Instant.parse("2026-11-21T12:00:00Z");
  private final SqlNetworks networks;
  private final SqlAllocations allocations;
  private String flat;

  SqlNetworksIT(Database database) {
    this.database = database;
    this.networks = networks(database);
    this.allocations = new SqlAllocations(database);
  }

  private SqlNetworks networks(Database on) {
    return new SqlNetworks(on, () -> now);
  }

  @BeforeEach
  void noNetworksOfOtherTests() {
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "TRUNCATE network, subnet, port, fixed_address, instance_network, address_change"));
  }

  private void makeFlat(String cidr) {
    flat =
        networks.ensureDefault(DefaultNetworkTest.of("cidr = \"" + cidr + "\""), OWNER).toString();
  }

  private static final ActionContext BY =
      new ActionContext("req-1", "user", "project", Map.of("roles", List.of("member")));

  private static ChangeRequest by(String message) {
    return new ChangeRequest(message, BY);
  }

  private static NetworkRequest list(RequestedNetwork... networks) {
    return new NetworkRequest(Mode.LIST, List.of(networks));
  }

  private static NetworkRequest mode(Mode mode) {
    return new NetworkRequest(mode, List.of());
  }

  private RequestedNetwork any() {
    return new RequestedNetwork(flat, null, null, null);
  }

  private RequestedNetwork fixed(String address) {
    return new RequestedNetwork(flat, null, address, null);
  }

  private List<Nic> allocate(InstanceId id, RequestedNetwork... requested) {
    return networks.allocateForInstance(id, OWNER, HOST, List.of(requested));
  }

  private String allocateOne() {
    return allocate(InstanceId.random(), any()).getFirst().addresses().getFirst();
  }

  private int count(String sql) {
    return database.jdbi().withHandle(handle -> handle.select(sql).mapTo(int.class).one());
  }

  @Test
  void whatWasGivenOutIsToldUntilItIsGivenBack() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    Nic nic = allocate(id, any()).getFirst();
    assertThat(allocations.nics(id)).containsExactly(nic);
    Allocations.Allocation allocation = new Allocations.Allocation(id, OWNER, HOST, nic);
    Allocations.FixedIp ip = allocations.findByAddress(nic.addresses().getFirst()).orElseThrow();
    assertThat(ip.address()).isEqualTo(nic.addresses().getFirst());
    assertThat(ip.of()).isEqualTo(allocation);
    assertThat(allocations.findFixedIp(ip.id())).contains(ip);
    assertThat(allocations.findFixedIp(-1)).isEmpty();
    assertThat(allocations.findByMac(nic.mac())).contains(allocation);
    assertThat(allocations.findByAddress("no address")).isEmpty();
    assertThat(allocations.findByMac("no mac")).isEmpty();

    networks.deallocateForInstance(id);
    assertThat(allocations.nics(id)).isEmpty();
    assertThat(allocations.findByAddress(nic.addresses().getFirst())).isEmpty();
    assertThat(allocations.findByMac(nic.mac())).isEmpty();
  }

  // ---- further addresses -----------------------------------------------------------------------

  private List<String> addressesOf(InstanceId id) {
    return allocations.nics(id).stream().flatMap(nic -> nic.addresses().stream()).toList();
  }

  @Test
  void aPortHasFurtherAddressesAfterTheOneItWasMadeWith() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    Nic nic = allocate(id, any(), any()).getFirst();

    Changed first = networks.addFixedIp(id, flat, by("one"));
    Changed second = networks.addFixedIp(id, flat, by("two"));

    assertThat(first.nics().getFirst().addresses()).containsExactly("10.0.0.2", "10.0.0.4");
    assertThat(second.nics().getFirst().addresses())
        .containsExactly("10.0.0.2", "10.0.0.4", "10.0.0.5");
    assertThat(second.nics().getLast().addresses()).containsExactly("10.0.0.3");
    assertThat(second.revision()).isGreaterThan(first.revision());
    assertThat(allocations.nics(id)).isEqualTo(second.nics());
    assertThat(allocations.findByAddress("10.0.0.5").orElseThrow().of().nic())
        .isEqualTo(second.nics().getFirst());
    assertThat(allocations.findByMac(nic.mac()).orElseThrow().nic())
        .isEqualTo(second.nics().getFirst());
    assertThat(allocate(id, any(), any()))
        .as("the same ports are told to a boot that goes on elsewhere")
        .isEqualTo(second.nics());
  }

  @Test
  void aRequestThatComesAgainChangesNothing() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    allocate(id, any());

    assertThat(networks.changedBy(id, "one")).isEmpty();
    Changed added = networks.addFixedIp(id, flat, by("one"));
    assertThat(networks.addFixedIp(id, flat, by("one"))).isEqualTo(added);
    assertThat(networks.changedBy(id, "one")).contains(added);

    Changed removed = networks.removeFixedIp(id, "10.0.0.3", by("two"));
    assertThat(networks.removeFixedIp(id, "10.0.0.3", by("two"))).isEqualTo(removed);
    assertThat(networks.addFixedIp(id, flat, by("one")))
        .as("also when what it did was undone since")
        .isEqualTo(removed);
    assertThat(networks.changedBy(InstanceId.random(), "one")).isEmpty();
    assertThat(count("SELECT count(*) FROM fixed_address WHERE port_id IS NOT NULL")).isEqualTo(1);
  }

  @Test
  void whatWasCarriedOutIsRememberedForADay() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    allocate(id, any());
    networks.told(id, networks.addFixedIp(id, flat, by("one")).revision());
    now = now.plus(Duration.ofHours(25));
    networks.addFixedIp(id, flat, by("two"));
    assertThat(count("SELECT count(*) FROM address_change WHERE instance_uuid = '" + id + "'"))
        .isEqualTo(1);
  }

  @Test
  void anAddressThatWasTakenBackIsFreeForOthersAfterAllTheRest() {
    makeFlat("10.57.0.0/29"); // .2 to .6
    InstanceId id = InstanceId.random();
    allocate(id, any());
    networks.addFixedIp(id, flat, by("one"));
    networks.removeFixedIp(id, "10.57.0.3", by("two"));

    assertThat(addressesOf(id)).containsExactly("10.57.0.2");
    assertThat(List.of(allocateOne(), allocateOne(), allocateOne(), allocateOne()))
        .containsExactly("10.57.0.4", "10.57.0.5", "10.57.0.6", "10.57.0.3");
  }

  @Test
  void onlyItsOwnAddressesCanBeTakenFromAnInstance() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    InstanceId other = InstanceId.random();
    allocate(id, any());
    allocate(other, any());
    networks.addFixedIp(other, flat, by("one"));

    for (String notItsOwn : List.of("10.0.0.3", "10.0.0.4", "10.0.0.99", "no address")) {
      assertThatThrownBy(() -> networks.removeFixedIp(id, notItsOwn, by("two")))
          .isInstanceOf(FixedIpNotFoundException.class);
    }
    assertThat(addressesOf(id)).containsExactly("10.0.0.2");
    assertThat(addressesOf(other)).containsExactly("10.0.0.3", "10.0.0.4");
    assertThat(networks.changedBy(id, "two")).as("what failed may be tried again").isEmpty();
  }

  /** Nova lets any be removed; the guest may go on to use it, as DHCP told it so. */
  @Test
  void theAddressAPortWasMadeWithIsRemovedButNobodyElsesUntilThePortGoes() {
    makeFlat("10.57.0.0/29"); // .2 to .6
    InstanceId id = InstanceId.random();
    allocate(id, any());
    networks.addFixedIp(id, flat, by("one"));

    Changed removed = networks.removeFixedIp(id, "10.57.0.2", by("two"));
    assertThat(removed.nics().getFirst().addresses()).containsExactly("10.57.0.3");
    assertThat(allocations.findByAddress("10.57.0.2")).isEmpty();
    assertThatThrownBy(() -> networks.removeFixedIp(id, "10.57.0.2", by("three")))
        .isInstanceOf(FixedIpNotFoundException.class);
    assertThat(networks.removeFixedIp(id, "10.57.0.3", by("four")).nics().getFirst().addresses())
        .isEmpty();
    assertThat(allocate(id, any()).getFirst().addresses())
        .as("a boot that goes on elsewhere gets none either")
        .isEmpty();

    List<String> others = List.of(allocateOne(), allocateOne(), allocateOne(), allocateOne());
    assertThat(others).containsExactly("10.57.0.4", "10.57.0.5", "10.57.0.6", "10.57.0.3");
    assertThatThrownBy(this::allocateOne).isInstanceOf(NoMoreAddressesException.class);
    assertThatThrownBy(() -> networks.validate(OWNER, true, list(fixed("10.57.0.2"))))
        .isInstanceOf(NetworkRequestException.class);

    networks.deallocateForInstance(id);
    assertThat(allocateOne()).isEqualTo("10.57.0.2");
  }

  @Test
  void aChangeIsUntoldUntilTheInstanceHasHeardOfItOrOfALaterOne() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    InstanceId another = InstanceId.random();
    allocate(id, any());
    allocate(another, any());
    Changed added = networks.addFixedIp(id, flat, by("one"));
    assertThat(networks.untold(Duration.ofSeconds(5))).as("who made it may yet tell").isEmpty();
    now = now.plusSeconds(5);
    assertThat(networks.untold(Duration.ofSeconds(5)))
        .containsExactly(new Untold(id, added, true, BY));

    Changed removed = networks.removeFixedIp(id, "10.0.0.4", by("two"));
    now = now.plus(Duration.ofHours(25));
    Changed elsewhere = networks.addFixedIp(another, flat, by("three"));
    networks.told(id, added.revision());
    assertThat(networks.untold(Duration.ZERO))
        .containsExactly(
            new Untold(id, removed, false, BY), new Untold(another, elsewhere, true, BY));

    networks.told(id, removed.revision());
    networks.deallocateForInstance(another);
    assertThat(networks.untold(Duration.ZERO)).isEmpty();
    networks.addFixedIp(id, flat, new ChangeRequest("of a classic service", null));
    assertThat(networks.untold(Duration.ZERO)).as("whom nobody has to tell").isEmpty();
  }

  @Test
  void anAddressIsAddedOnlyWhereThereIsAPort() {
    makeFlat("10.0.0.0/24");
    InstanceId id = InstanceId.random();
    allocate(id, any());
    InstanceId nobody = InstanceId.random();
    for (String network : List.of(UUID.randomUUID().toString(), "7")) {
      assertThatThrownBy(() -> networks.addFixedIp(id, network, by("one")))
          .isInstanceOf(UnknownNetworkException.class);
    }
    assertThatThrownBy(() -> networks.addFixedIp(nobody, flat, by("one")))
        .isInstanceOf(UnknownNetworkException.class);
    assertThat(count("SELECT count(*) FROM address_change WHERE instance_uuid = '" + nobody + "'"))
        .isZero();
  }

  @Test
  void aReleaseTakesAllAddressesAndNoneIsAddedAfterIt() {
    makeFlat("10.57.0.0/29");
    InstanceId id = InstanceId.random();
    allocate(id, any());
    networks.addFixedIp(id, flat, by("one"));
    networks.addFixedIp(id, flat, by("two"));

    networks.deallocateForInstance(id);

    assertThat(count("SELECT count(*) FROM fixed_address WHERE port_id IS NOT NULL")).isZero();
    for (String request : List.of("one", "three")) {
      assertThatThrownBy(() -> networks.addFixedIp(id, flat, by(request)))
          .isInstanceOf(UnknownNetworkException.class);
    }
    assertThat(count("SELECT count(*) FROM address_change WHERE instance_uuid = '" + id + "'"))
        .isZero();
  }

  @Test
  void aFullNetworkSaysSoAndKeepsNothing() {
    makeFlat("10.57.0.0/29");
    InstanceId id = InstanceId.random();
    allocate(id, any());
    for (int i = 0; i < 4; i++) {
      networks.addFixedIp(id, flat, by("request-" + i));
    }
    assertThatThrownBy(() -> networks.addFixedIp(id, flat, by("one more")))
        .isInstanceOf(NoMoreAddressesException.class);
    networks.removeFixedIp(id, "10.57.0.4", by("less"));
    networks.addFixedIp(id, flat, by("one more"));
    assertThat(addressesOf(id))
        .containsExactly("10.57.0.2", "10.57.0.3", "10.57.0.5", "10.57.0.6", "10.57.0.4");
  }

  @Test
  void changesAndAReleaseAtTheSameTimeLeakNothing() throws Exception {
    makeFlat("10.0.0.0/24");
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      for (int round = 0; round < 20; round++) {
        InstanceId id = InstanceId.random();
        allocate(id, any());
        List<Callable<Void>> work = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
          String request = "request-" + i / 2; // each comes twice
          boolean release = round % 2 == 0 && i == 7;
          work.add(
              () -> {
                try {
                  if (release) {
                    networks.deallocateForInstance(id);
                  }
                  networks.addFixedIp(id, flat, by(request));
                } catch (UnknownNetworkException e) {
                  // was released before
                }
                return null;
              });
        }
        for (Future<Void> done : threads.invokeAll(work)) {
          done.get();
        }
        if (round % 2 == 1) {
          assertThat(addressesOf(id)).hasSize(1 + 6).doesNotHaveDuplicates();
        }
        networks.deallocateForInstance(id);
        assertThat(count("SELECT count(*) FROM fixed_address WHERE port_id IS NOT NULL")).isZero();
      }
    }
  }

  @Test
  void aProjectSeesItsOwnNetworksAndAnAdministratorAll() {
    makeFlat("10.0.0.0/24");
    assertThat(allocations.networks(OWNER, false))
        .singleElement()
        .satisfies(
            n -> {
              assertThat(n.id()).isEqualTo(flat);
              assertThat(n.cidr()).isEqualTo("10.0.0.0/24");
            });
    assertThat(allocations.networks("another", false)).isEmpty();
    assertThat(allocations.networks("another", true)).hasSize(1);
  }

  @Test
  void theDefaultNetworkIsMadeOnceHoweverManyNodesStart() throws Exception {
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      Callable<UUID> start = () -> networks.ensureDefault(DefaultNetworkTest.of(""), OWNER);
      List<UUID> ids = new ArrayList<>();
      for (Future<UUID> id : threads.invokeAll(List.of(start, start, start, start))) {
        ids.add(id.get());
      }
      assertThat(ids).containsOnly(ids.getFirst());
    }
    assertThat(count("SELECT count(*) FROM subnet")).isEqualTo(1);
  }

  @Test
  void aPortDescribesTheNetworkItIsIn() {
    makeFlat("10.57.0.0/16");

    Nic nic = allocate(InstanceId.random(), any()).getFirst();

    assertThat(nic.networkId()).isEqualTo(flat);
    assertThat(nic.networkName()).isEqualTo("flat");
    assertThat(nic.addresses()).containsExactly("10.57.0.2");
    assertThat(nic.cidr()).isEqualTo("10.57.0.0/16");
    assertThat(nic.gateway()).isEqualTo("10.57.0.1");
    assertThat(nic.bridge()).isEqualTo("br-kilonova");
    assertThat(nic.mtu()).isEqualTo(1500);
    assertThat(nic.mac()).startsWith("fa:16:3e:");
    assertThat(nic.tapName()).hasSize(14);
  }

  @Test
  void aRepeatedAllocationGetsTheSamePortsAlsoForAnotherHost() {
    makeFlat("10.57.0.0/16");
    InstanceId id = InstanceId.random();

    List<Nic> nics = allocate(id, any(), any());

    assertThat(nics).hasSize(2).doesNotHaveDuplicates();
    assertThat(networks.allocateForInstance(id, OWNER, new HostId("host-2"), List.of(any(), any())))
        .isEqualTo(nics);
    assertThat(count("SELECT count(*) FROM port WHERE host = 'host-2'")).isEqualTo(2);
  }

  @Test
  void aReleaseGivesTheAddressesBackOnce() {
    makeFlat("10.57.0.0/29"); // .2 to .6
    InstanceId first = InstanceId.random();
    allocate(first, any(), any());
    allocateOne();

    networks.deallocateForInstance(first);
    networks.deallocateForInstance(first);

    assertThat(List.of(allocateOne(), allocateOne(), allocateOne(), allocateOne()))
        .as("first those that were never given out, then those that are free for longest")
        .containsExactly("10.57.0.5", "10.57.0.6", "10.57.0.2", "10.57.0.3");
    assertThatThrownBy(this::allocateOne)
        .isInstanceOf(NoMoreAddressesException.class)
        .hasMessage("No fixed IP addresses available for network: " + flat);
    assertThat(count("SELECT count(*) FROM port")).isEqualTo(5);
  }

  @Test
  void anAllocationThatComesAfterTheReleaseIsRefusedForADay() {
    makeFlat("10.57.0.0/16");
    InstanceId id = InstanceId.random();
    networks.deallocateForInstance(id);

    assertThatThrownBy(() -> allocate(id, any()))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("released before");
    assertThat(count("SELECT count(*) FROM port")).isZero();

    now = now.plus(Duration.ofDays(1)).plusMillis(1);
    networks.deallocateForInstance(InstanceId.random());
    assertThat(count("SELECT count(*) FROM instance_network")).isEqualTo(1);
  }

  @Test
  void nothingIsTakenIfOneOfSeveralNetworksIsFull() {
    makeFlat("10.57.0.0/29");
    InstanceId id = InstanceId.random();

    assertThatThrownBy(() -> allocate(id, any(), any(), any(), any(), any(), any()))
        .isInstanceOf(NoMoreAddressesException.class);

    assertThat(count("SELECT count(*) FROM port")).isZero();
    assertThat(allocate(id, any(), any(), any(), any(), any())).hasSize(5);
  }

  @Test
  void theQueueIsExtendedUntilTheNetworkIsFullAndNeverWithTheGateway() {
    makeFlat("10.57.0.0/20");
    InstanceId id = InstanceId.random();
    RequestedNetwork[] all = new RequestedNetwork[4093];
    Arrays.fill(all, any());

    List<Nic> nics = allocate(id, all);

    assertThat(nics.stream().map(nic -> nic.addresses().getFirst()))
        .doesNotHaveDuplicates()
        .contains("10.57.0.2", "10.57.15.254")
        .doesNotContain("10.57.0.0", "10.57.0.1", "10.57.15.255");
    assertThat(nics.stream().map(Nic::mac)).doesNotHaveDuplicates();
    assertThatThrownBy(this::allocateOne).isInstanceOf(NoMoreAddressesException.class);
  }

  @Test
  void aFixedAddressIsGivenToOneAndSkippedForOthers() {
    makeFlat("10.57.0.0/16");
    assertThat(networks.validate(OWNER, false, list(fixed("10.57.0.3"))))
        .containsExactly(fixed("10.57.0.3"));
    InstanceId id = InstanceId.random();
    assertThat(allocate(id, fixed("10.57.0.3")).getFirst().addresses())
        .containsExactly("10.57.0.3");

    assertThatThrownBy(() -> networks.validate(OWNER, false, list(fixed("10.57.0.3"))))
        .isInstanceOf(NetworkRequestException.class)
        .hasMessage("Fixed IP address 10.57.0.3 is already in use on instance " + id + ".");
    assertThatThrownBy(() -> allocate(InstanceId.random(), fixed("10.57.0.3")))
        .isInstanceOf(NoMoreAddressesException.class)
        .hasMessage("Fixed IP 10.57.0.3 is already in use.");
    assertThat(List.of(allocateOne(), allocateOne())).containsExactly("10.57.0.2", "10.57.0.4");
    networks.deallocateForInstance(id);
    assertThat(allocate(InstanceId.random(), fixed("10.57.0.3"))).hasSize(1);
  }

  @Test
  void anAddressThatNoHostOfTheNetworkCanHaveIsRefused() {
    makeFlat("10.57.0.0/16");
    for (String address :
        List.of("10.57.0.0", "10.57.0.1", "10.57.255.255", "10.58.0.2", "fd00::2", "x", "*")) {
      assertThatThrownBy(() -> networks.validate(OWNER, false, list(fixed(address))))
          .isInstanceOf(NetworkRequestException.class)
          .hasMessage(
              "Invalid input received: Fixed IP %s is not a valid ip address for network %s."
                  .formatted(address, flat));
    }
  }

  @Test
  void theFlatNetworkIsItsOwnersOnly() {
    makeFlat("10.57.0.0/16");

    assertThat(networks.validate(OWNER, true, mode(Mode.UNSPECIFIED))).containsExactly(any());
    assertThat(networks.validate(OWNER, false, mode(Mode.AUTO))).containsExactly(any());
    assertThat(networks.validate(OWNER, false, mode(Mode.NONE))).isEmpty();
    assertThat(networks.validate(OWNER, false, list(any(), any()))).hasSize(2);

    assertThat(networks.validate(OTHER, false, mode(Mode.UNSPECIFIED))).isEmpty();
    assertThatThrownBy(() -> networks.validate(OTHER, false, mode(Mode.AUTO)))
        .isInstanceOf(NetworkRequestException.class)
        .hasMessage("Unable to automatically allocate a network for project " + OTHER);
    assertThatThrownBy(() -> networks.validate(OTHER, false, list(any())))
        .isInstanceOf(UnknownNetworkException.class)
        .hasMessage("Network " + flat + " could not be found.");
    assertThat(networks.validate(OTHER, true, list(any()))).hasSize(1);
  }

  @Test
  void whatDoesNotExistIsNamed() {
    makeFlat("10.57.0.0/16");
    String id = UUID.randomUUID().toString();

    assertThatThrownBy(
            () -> networks.validate(OWNER, true, list(new RequestedNetwork(id, null, null, null))))
        .isInstanceOf(UnknownNetworkException.class)
        .hasMessage("Network " + id + " could not be found.");
    assertThatThrownBy(
            () -> networks.validate(OWNER, true, list(new RequestedNetwork(null, id, null, null))))
        .isInstanceOf(UnknownNetworkException.class)
        .hasMessage("Port id " + id + " could not be found.");
  }

  @Test
  void aPortOfAnInstanceIsInUseForItsProjectAndUnknownToOthers() {
    makeFlat("10.57.0.0/16");
    String port = allocate(InstanceId.random(), any()).getFirst().portId();
    NetworkRequest request = list(new RequestedNetwork(null, port, null, null));

    assertThatThrownBy(() -> networks.validate(OWNER, false, request))
        .isInstanceOf(NetworkConflictException.class)
        .hasMessage("Port " + port + " is still in use.");
    assertThatThrownBy(() -> networks.validate(OTHER, false, request))
        .isInstanceOf(UnknownNetworkException.class);
  }

  @Test
  void severalVisibleNetworksMustBeToldApart() {
    makeFlat("10.57.0.0/16");
    database
        .jdbi()
        .useHandle(
            handle -> {
              UUID second = UUID.randomUUID();
              handle.execute(
                  "INSERT INTO network VALUES (?, 'second', ?, FALSE, FALSE, 'br2', 1500, now())",
                  second,
                  OWNER);
              handle.execute(
                  "INSERT INTO subnet VALUES (?, ?, '10.58.0.0/16', '10.58.0.1', '{}')",
                  UUID.randomUUID(),
                  second);
            });

    assertThatThrownBy(() -> networks.validate(OWNER, false, mode(Mode.UNSPECIFIED)))
        .isInstanceOf(NetworkConflictException.class)
        .hasMessage("Multiple possible networks found, use a Network ID to be more specific.");
    assertThat(networks.validate(OWNER, false, list(any()))).containsExactly(any());
  }

  /**
   * Eight clients on two nodes allocate and release in a network that is too small for them, while
   * connections are cut in the middle of transactions. Who fails tries again, as an instance does.
   */
  @Test
  void noAddressIsGivenOutTwiceOrLostWhoeverIsKilledWhen(Database.Settings settings)
      throws Exception {
    makeFlat("10.57.0.0/27"); // 29 addresses
    Map<String, InstanceId> owners = new ConcurrentHashMap<>();
    CountDownLatch clientsLeft = new CountDownLatch(8);
    AtomicInteger calls = new AtomicInteger();
    try (Database otherPool = Database.open(settings);
        ExecutorService threads = Executors.newCachedThreadPool()) {
      List<SqlNetworks> nodes = List.of(networks, networks(otherPool));
      List<Future<Integer>> clients =
          IntStream.range(0, 8)
              .mapToObj(
                  seed ->
                      threads.submit(
                          () -> {
                            try {
                              return client(nodes, seed, owners, calls);
                            } finally {
                              clientsLeft.countDown();
                            }
                          }))
              .toList();
      Future<Integer> killer = threads.submit(() -> killConnections(clientsLeft, calls));
      int allocations = 0;
      for (Future<Integer> client : clients) {
        allocations += client.get();
      }
      assertThat(allocations).isGreaterThan(200);
      assertThat(killer.get()).as("killed connections").isPositive();
    }

    assertThat(owners).isEmpty();
    assertThat(count("SELECT count(*) FROM port")).isZero();
    assertThat(count("SELECT count(*) FROM fixed_address WHERE port_id IS NOT NULL")).isZero();
    RequestedNetwork[] all = new RequestedNetwork[29];
    Arrays.fill(all, any());
    assertThat(allocate(InstanceId.random(), all)).as("none was lost").hasSize(29);
  }

  private int client(
      List<SqlNetworks> nodes, int seed, Map<String, InstanceId> owners, AtomicInteger calls) {
    SplittableRandom random = new SplittableRandom(seed);
    Deque<InstanceId> mine = new ArrayDeque<>();
    Map<InstanceId, List<String>> addresses = new HashMap<>();
    int allocations = 0;
    for (int step = 0; step < 200 || !mine.isEmpty(); step++) {
      calls.incrementAndGet();
      if (step < 200 && mine.size() < 4) {
        InstanceId id = InstanceId.random();
        RequestedNetwork[] wanted = random.nextBoolean() ? pair() : new RequestedNetwork[] {any()};
        try {
          List<Nic> nics =
              persistently(
                  () ->
                      nodes
                          .get(random.nextInt(2))
                          .allocateForInstance(id, OWNER, HOST, List.of(wanted)));
          addresses.put(id, nics.stream().map(nic -> nic.addresses().getFirst()).toList());
          addresses
              .get(id)
              .forEach(
                  address ->
                      assertThat(owners.putIfAbsent(address, id)).as("owner of it").isNull());
          mine.add(id);
          allocations++;
          continue;
        } catch (NoMoreAddressesException full) {
          // goes on with a release
        }
      }
      if (!mine.isEmpty()) {
        InstanceId id = mine.poll();
        addresses.remove(id).forEach(owners::remove);
        persistently(
            () -> {
              nodes.get(random.nextInt(2)).deallocateForInstance(id);
              return null;
            });
      }
    }
    return allocations;
  }

  private RequestedNetwork[] pair() {
    return new RequestedNetwork[] {any(), any()};
  }

  private static <T> T persistently(Callable<T> call) {
    for (int attempt = 1; ; attempt++) {
      try {
        return call.call();
      } catch (NoMoreAddressesException e) {
        throw e;
      } catch (Exception e) {
        if (attempt == 50) {
          throw new IllegalStateException("still fails", e);
        }
      }
    }
  }

  /** Cuts a connection that is in a transaction for every few calls, until the clients are done. */
  private int killConnections(CountDownLatch clientsLeft, AtomicInteger calls)
      throws InterruptedException {
    int killed = 0;
    int next = 5;
    while (!clientsLeft.await(2, TimeUnit.MILLISECONDS)) {
      if (calls.get() < next) {
        continue;
      }
      next = calls.get() + 5;
      try {
        killed +=
            count(
                """
                SELECT count(pg_terminate_backend(pid)) FROM (
                  SELECT pid FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()
                    AND xact_start IS NOT NULL
                  ORDER BY random() LIMIT 1) AS victim
                """);
      } catch (RuntimeException e) {
        // the database was too busy to answer: the next round tries again
      }
    }
    return killed;
  }

  /** Instances of a restarted node ask all at once, some for what they have already. */
  @Test
  void manyAtOnceOfWhichSomeRepeatGetEachTheirOwn() throws Exception {
    makeFlat("10.57.0.0/16");
    List<InstanceId> ids = Stream.generate(InstanceId::random).limit(40).toList();
    Map<InstanceId, List<Nic>> before = new HashMap<>();
    ids.subList(0, 10).forEach(id -> before.put(id, allocate(id, any())));
    List<Callable<List<Nic>>> calls = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      ids.forEach(id -> calls.add(() -> allocate(id, any())));
    }
    Collections.shuffle(calls, new Random(1));

    Map<String, Set<List<Nic>>> byPort = new HashMap<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<List<Nic>> nics : threads.invokeAll(calls)) {
        byPort
            .computeIfAbsent(nics.get().getFirst().portId(), port -> new HashSet<>())
            .add(nics.get());
      }
    }

    assertThat(byPort).hasSize(40).allSatisfy((port, nics) -> assertThat(nics).hasSize(1));
    before.forEach(
        (id, nics) -> assertThat(byPort.get(nics.getFirst().portId())).containsExactly(nics));
    assertThat(count("SELECT count(DISTINCT address) FROM fixed_address WHERE port_id IS NOT NULL"))
        .isEqualTo(40);
  }

  @Test
  void hundredsAreAllocatedASecond(TestReporter reporter) throws Exception {
    makeFlat("10.57.0.0/16");
    int each = 150;
    Callable<Void> client =
        () -> {
          for (int i = 0; i < each; i++) {
            allocateOne();
          }
          return null;
        };
    try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
      long start = System.nanoTime();
      for (Future<Void> done :
          threads.invokeAll(IntStream.range(0, 8).mapToObj(i -> client).toList())) {
        done.get();
      }
      long perSecond = 8L * each * 1_000_000_000 / (System.nanoTime() - start);
      reporter.publishEntry("allocations/s", Long.toString(perSecond));
      assertThat(perSecond).isGreaterThan(100);
    }
    assertThat(count("SELECT count(DISTINCT address) FROM fixed_address WHERE port_id IS NOT NULL"))
        .isEqualTo(8 * each);
  }
}
