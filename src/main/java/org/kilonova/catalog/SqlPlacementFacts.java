package org.kilonova.catalog;

import java.util.List;
import java.util.Set;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.transaction.TransactionIsolationLevel;
import org.kilonova.persistence.Database;
import org.kilonova.scheduler.SchedulerProtocol.AggregateFact;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;
import org.kilonova.scheduler.SchedulerProtocol.ServiceFact;

/** Reads what the scheduler has to know of aggregates and services. */
public final class SqlPlacementFacts {
  private final Jdbi jdbi;

  public SqlPlacementFacts(Database database) {
    this.jdbi = database.jdbi();
  }

  /** All facts and their version, as of one moment. Blocks. */
  public PlacementFacts read() {
    return jdbi.inTransaction(
        TransactionIsolationLevel.REPEATABLE_READ,
        handle -> {
          long version =
              handle.createQuery("SELECT version FROM placement_facts").mapTo(Long.class).one();
          List<AggregateFact> aggregates =
              SqlAggregates.list(handle).stream()
                  .map(
                      a -> new AggregateFact(a.id(), a.name(), Set.copyOf(a.hosts()), a.metadata()))
                  .toList();
          List<ServiceFact> services =
              SqlComputeServices.list(handle).stream()
                  .map(
                      s ->
                          new ServiceFact(
                              s.host(), s.disabled(), s.disabledReason(), s.forcedDown()))
                  .toList();
          return new PlacementFacts(version, aggregates, services);
        });
  }

  /** Begins a change: from here to the end of the transaction, no other changes the facts. */
  static void change(Handle handle) {
    handle.createUpdate("UPDATE placement_facts SET version = version + 1").execute();
  }
}
