package org.kilonova.catalog;

import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.transaction.TransactionIsolationLevel;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.scheduler.PlacementFactsSource.Choice;
import org.kilonova.scheduler.PlacementFactsSource.Facts;
import org.kilonova.scheduler.PlacementFactsSource.Member;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;

/** Reads what the scheduler has to know and no host reports. */
public final class SqlPlacementFacts {
  private final Jdbi jdbi;

  public SqlPlacementFacts(Database database) {
    this.jdbi = database.jdbi();
  }

  /** Everything, as of one moment. Blocks. */
  public Facts readAll() {
    return jdbi.inTransaction(
        TransactionIsolationLevel.REPEATABLE_READ,
        handle -> new Facts(administrators(handle), members(handle), choices(handle)));
  }

  /** What administrators set, and its version, as of one moment. Blocks. */
  public PlacementFacts read() {
    return jdbi.inTransaction(
        TransactionIsolationLevel.REPEATABLE_READ, SqlPlacementFacts::administrators);
  }

  private static PlacementFacts administrators(Handle handle) {
    long version =
        handle.createQuery("SELECT version FROM placement_facts").mapTo(Long.class).one();
    List<AggregateFact> aggregates =
        SqlAggregates.list(handle).stream()
            .map(a -> new AggregateFact(a.id(), a.name(), Set.copyOf(a.hosts()), a.metadata()))
            .toList();
    List<ServiceFact> services =
        SqlComputeServices.list(handle).stream()
            .map(s -> new ServiceFact(s.host(), s.disabled(), s.disabledReason(), s.forcedDown()))
            .toList();
    return new PlacementFacts(version, aggregates, services);
  }

  /** What is left of a failed build is a debt, no member. */
  private static List<Member> members(Handle handle) {
    return handle
        .createQuery(
            """
            SELECT m.group_uuid, i.uuid, i.host
            FROM server_group_member m JOIN instance i ON i.uuid = m.instance_uuid
            WHERE NOT i.deleted AND i.host IS NOT NULL
              AND (i.launched_at IS NOT NULL OR i.vm_state = 'building')
            """)
        .map(
            (row, context) ->
                new Member(
                    row.getString("group_uuid"),
                    new InstanceId(row.getObject("uuid", UUID.class)),
                    new HostId(row.getString("host"))))
        .list();
  }

  private static List<Choice> choices(Handle handle) {
    return handle
        .createQuery(
            """
            SELECT state FROM instance
            WHERE in_flight AND NOT deleted AND host IS NOT NULL AND vm_state = 'building'
              AND task_state <> 'deleting'
            """)
        .map((row, context) -> choice(InstanceRows.parse(row.getString("state")).instance()))
        .list();
  }

  private static Choice choice(Instance instance) {
    return new Choice(instance.placement().host(), allocation(instance));
  }

  /** What an instance takes of the host that it is placed on. */
  static Allocation allocation(Instance instance) {
    InstanceSpec spec = instance.spec();
    return new Allocation(
        spec.id(),
        instance.placement().attempt(),
        spec.flavor().resources(),
        spec.projectId(),
        spec.serverGroup() == null ? null : spec.serverGroup().id());
  }

  /** Begins a change: from here to the end of the transaction, no other changes the facts. */
  static void change(Handle handle) {
    handle.createUpdate("UPDATE placement_facts SET version = version + 1").execute();
  }
}
