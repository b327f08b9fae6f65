package org.kilonova.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.NetworkAllocated;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceTransitions;
import org.kilonova.instance.TestSpecs;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.Resources;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.scheduler.PlacementFactsSource.Choice;
import org.kilonova.scheduler.PlacementFactsSource.Facts;
import org.kilonova.scheduler.PlacementFactsSource.Member;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;
import org.kilonova.testing.PostgresExtension;

/** Compute services, aggregates, and what the scheduler learns of them. */
@ExtendWith(PostgresExtension.class)
class SqlPlacementIT {
  private static final HostId H1 = new HostId("h1");
  private static final HostId H2 = new HostId("h2");
  private static final HostService.Report REPORT =
      new HostService.Report(
          new HostCapabilities(
              new Resources(8, 16384, 100),
              "h.example",
              "QEMU",
              8002000,
              "kvm",
              List.of("x86_64"),
              Map.of("vendor", "Intel", "topology", Map.of("cores", 4)),
              "192.0.2.1"),
          new HostUsage(1000, 20, 80, 1, "up 1 day"));
  private static final Instant AT = Instant.parse("2026-01-02T03:04:05Z");

  private final Database database;
  private final AtomicInteger told = new AtomicInteger();
  private final SqlComputeServices services;
  private final SqlAggregates aggregates;
  private final SqlPlacementFacts facts;
  private final SqlServerGroups groups;

  SqlPlacementIT(Database database) {
    this.database = database;
    services = new SqlComputeServices(database, Clock.system(), told::incrementAndGet);
    aggregates = new SqlAggregates(database, Clock.system(), told::incrementAndGet);
    facts = new SqlPlacementFacts(database);
    groups = new SqlServerGroups(database, Clock.system());
  }

  @BeforeEach
  void twoHosts() {
    database
        .jdbi()
        .useHandle(
            h -> {
              h.execute("DELETE FROM aggregate");
              h.execute("DELETE FROM compute_service");
              h.execute("DELETE FROM instance");
            });
    services.appeared(H1, REPORT);
    services.appeared(H2, REPORT);
    told.set(0);
  }

  private void instanceOn(HostId host) {
    database
        .jdbi()
        .useHandle(
            h ->
                h.execute(
                    """
                    INSERT INTO instance (uuid, revision, number, project_id, user_id, name,
                      vm_state, power_state, host, flavor_id, launch_index, locked, config_drive,
                      addresses, tags, created_at, updated_at, deleted, in_flight, state)
                    VALUES (?, 1, 1, 'p', 'u', 'n', 'active', 1, ?, '1', 0, false, false, '{}',
                      '{}', now(), now(), false, false, '{}')
                    """,
                    UUID.randomUUID(),
                    host.name()));
  }

  @Test
  void aHostThatAppearsIsAddedOnce() {
    HostService first = services.find(H1).orElseThrow();
    services.appeared(H1, REPORT);

    HostService again = services.find(H1).orElseThrow();
    assertThat(again.uuid()).isEqualTo(first.uuid());
    assertThat(again.lastSeen()).isAfter(first.lastSeen());
    assertThat(services.find(first.uuid())).contains(again);
    assertThat(told).as("nothing changed for the scheduler").hasValue(0);
    services.appeared(new HostId("h3"), REPORT);
    assertThat(told).hasValue(1);
  }

  @Test
  void whatAHostSaidLastIsRemembered() {
    assertThat(services.find(H1).orElseThrow().lastReport()).isEqualTo(REPORT);
    HostService.Report bigger =
        new HostService.Report(REPORT.capabilities(), new HostUsage(2, 2, 2, 2, "up 2 days"));
    services.appeared(H1, bigger);
    services.wentAway(H1);
    assertThat(services.find(H1).orElseThrow().lastReport()).isEqualTo(bigger);
    assertThat(services.list()).extracting(HostService::host).containsExactly(H1, H2);
  }

  @Test
  void aDeletedServiceThatGoesAwayStaysDeleted() {
    services.delete(H1);
    services.wentAway(H1);
    assertThat(services.find(H1)).isEmpty();
    services.appeared(H1, REPORT);
    assertThat(services.find(H1)).isPresent();
  }

  @Test
  void theSchedulerLearnsOfEachChangeWithAHigherVersion() {
    long before = facts.read().version();
    int aggregate = aggregates.create("a", "az1").id();
    aggregates.addHost(aggregate, H1);
    services.setDisabled(H1, true, "broken");
    services.setForcedDown(H2, true);

    PlacementFacts read = facts.read();
    assertThat(read.version()).isEqualTo(before + 4);
    assertThat(told).hasValue(4);
    assertThat(read.aggregates())
        .containsExactly(
            new AggregateFact(aggregate, "a", Set.of(H1), Map.of("availability_zone", "az1")));
    assertThat(read.services())
        .containsExactly(
            new ServiceFact(H1, true, "broken", false), new ServiceFact(H2, false, null, true));
  }

  private InstanceId boots(ServerGroup group, InstanceEvent... further) {
    InstanceId id = InstanceId.random();
    groups.join(group.id(), List.of(id), -1);
    ActionContext context = new ActionContext("req", "user", "project");
    InstanceState state =
        InstanceTransitions.apply(
            new Absent(), new InstanceRequested(TestSpecs.spec(id, group.ref()), context, AT));
    for (InstanceEvent event : further) {
      state = InstanceTransitions.apply(state, event);
    }
    InstanceRow row = new InstanceRow((Present) state, 1 + further.length);
    database.jdbi().useHandle(handle -> InstanceRows.upsert(handle, List.of(row)));
    return id;
  }

  @Test
  void theSchedulerLearnsWhereMembersAreAndWhatIsBeingBooted() {
    ServerGroup group =
        groups.create(
            new ServerGroup(UUID.randomUUID(), "project", "user", "g", "affinity", null, List.of()),
            -1,
            -1);
    String name = group.id().toString();
    HostSelected selected =
        new HostSelected(Attempt.FIRST, new Candidate(H1, "n", "nova"), List.of(), "", AT);
    ActionContext context = new ActionContext("req", "user", "project");
    boots(group);
    InstanceId booting = boots(group, selected);
    InstanceId active =
        boots(
            group,
            selected,
            new NetworkAllocated(Attempt.FIRST, List.of(), AT),
            new BlockDevicesMapped(Attempt.FIRST, AT),
            new SpawnConfirmed(Attempt.FIRST, H1, AT),
            new InstanceActivated(Attempt.FIRST, PowerState.RUNNING, AT));
    InstanceId deleting = boots(group, selected, new DeleteRequested(context, List.of(), AT));
    boots(group, selected, new BuildFailed(new Fault(500, "no", null, AT), List.of(), AT));

    assertThat(services.allocations(List.of(H1, H2)).keySet()).containsExactly(H1);
    assertThat(services.allocations(List.of(H1)).get(H1))
        .extracting(Allocation::id)
        .containsExactlyInAnyOrder(booting, active, deleting);
    Facts read = facts.readAll();
    assertThat(read.members())
        .containsExactlyInAnyOrder(
            new Member(name, booting, H1),
            new Member(name, active, H1),
            new Member(name, deleting, H1));
    assertThat(read.choices())
        .containsExactly(
            new Choice(
                H1,
                new Allocation(
                    booting, Attempt.FIRST, TestSpecs.TINY.resources(), "project", name)));
    assertThat(read.administrators()).isEqualTo(facts.read());
  }

  @Test
  void aRefusedChangeTellsNobody() {
    long before = facts.read().version();
    assertThatThrownBy(() -> services.setDisabled(new HostId("none"), true, null))
        .hasMessage("Could not find binary nova-compute on host none.");
    assertThat(facts.read().version()).isEqualTo(before);
    assertThat(told).hasValue(0);
  }

  @Test
  void enablingTakesTheReasonAway() {
    services.setDisabled(H1, true, "broken");
    assertThat(services.setDisabled(H1, false, null).disabledReason()).isNull();
  }

  @Test
  void aServiceWithInstancesStays() {
    instanceOn(H1);
    assertThatThrownBy(() -> services.delete(H1))
        .hasMessageStartingWith("Unable to delete compute service that is hosting instances.");
  }

  @Test
  void aDeletedServiceLeavesItsAggregates() {
    int id = aggregates.create("a", null).id();
    aggregates.addHost(id, H1);
    services.delete(H1);

    assertThat(services.find(H1)).isEmpty();
    assertThat(aggregates.find(id).orElseThrow().hosts()).isEmpty();
    assertThatThrownBy(() -> services.delete(H1))
        .extracting(e -> ((CatalogException) e).kind())
        .isEqualTo(CatalogException.Kind.NOT_FOUND);
  }

  @Test
  void aHostIsInOneZoneAtMost() {
    int a = aggregates.create("a", "az1").id();
    int b = aggregates.create("b", "az2").id();
    int c = aggregates.create("c", null).id();
    aggregates.addHost(a, H1);
    aggregates.addHost(c, H1);

    assertThatThrownBy(() -> aggregates.addHost(b, H1))
        .hasMessage(
            "Cannot add host to aggregate %d. Reason: One or more hosts already in availability"
                    .formatted(b)
                + " zone(s) ['az1'].");
    assertThatThrownBy(
            () -> aggregates.update(c, null, Map.of("availability_zone", "az3"), "aggregate"))
        .hasMessage(
            "Cannot update aggregate %d. Reason: One or more hosts already in availability zone(s)"
                    .formatted(c)
                + " ['az1'].");
    assertThat(aggregates.zones()).isEqualTo(Map.of(H1, "az1"));
  }

  @Test
  void ofTwoZonesThatWantAHostAtOnceOneGetsIt() throws Exception {
    int a = aggregates.create("a", "az1").id();
    int b = aggregates.create("b", "az2").id();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<Boolean>> adds =
          List.of(a, b).stream()
              .<Callable<Boolean>>map(
                  id ->
                      () -> {
                        try {
                          aggregates.addHost(id, H1);
                          return true;
                        } catch (CatalogException e) {
                          return false;
                        }
                      })
              .toList();
      int added = 0;
      for (var done : threads.invokeAll(adds)) {
        added += done.get() ? 1 : 0;
      }
      assertThat(added).isEqualTo(1);
    }
  }

  @Test
  void hostsWithInstancesKeepTheirZone() {
    int a = aggregates.create("a", "az1").id();
    aggregates.addHost(a, H1);
    instanceOn(H1);

    assertThatThrownBy(
            () ->
                aggregates.update(
                    a, null, Map.of("availability_zone", "az2"), "metadata of aggregate"))
        .hasMessage(
            "Cannot update metadata of aggregate %d. Reason: One or more hosts contain instances in"
                    .formatted(a)
                + " this zone.");
    aggregates.update(a, "renamed", Map.of("availability_zone", "az1"), "aggregate");
  }

  @Test
  void metadataIsMergedAndNullRemoves() {
    int a = aggregates.create("a", null).id();
    aggregates.update(a, null, Map.of("x", "1", "y", "2"), "metadata of aggregate");
    Map<String, String> change = new HashMap<>();
    change.put("x", null);
    change.put("z", "3");
    assertThat(aggregates.update(a, null, change, "metadata of aggregate").metadata())
        .isEqualTo(Map.of("y", "2", "z", "3"));
  }

  @Test
  void namesAreUniqueAndAggregatesWithHostsStay() {
    int a = aggregates.create("a", null).id();
    int b = aggregates.create("b", null).id();
    assertThatThrownBy(() -> aggregates.create("a", null))
        .hasMessage("Aggregate a already exists.");
    assertThatThrownBy(() -> aggregates.update(b, "a", Map.of(), "aggregate"))
        .hasMessage("Aggregate a already exists.");
    aggregates.addHost(a, H1);
    assertThatThrownBy(() -> aggregates.delete(a)).hasMessageContaining("is not empty");
    assertThatThrownBy(() -> aggregates.addHost(a, H1))
        .hasMessage("Aggregate %d already has host h1.".formatted(a));
    assertThatThrownBy(() -> aggregates.addHost(a, new HostId("none")))
        .hasMessage("Compute host none could not be found.");
    aggregates.removeHost(a, H1);
    assertThatThrownBy(() -> aggregates.removeHost(a, H1))
        .hasMessage("Cannot remove host h1 in aggregate %d".formatted(a));
    aggregates.delete(a);
    assertThat(aggregates.find(a)).isEmpty();
  }
}
