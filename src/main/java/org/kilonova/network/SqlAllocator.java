package org.kilonova.network;

import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.network.SqlPortRows.NewPort;
import org.kilonova.persistence.GroupCommit;

/**
 * Gives instances their ports and addresses: one transaction, which first locks the instance (so
 * that an allocation and a release of the same instance are one after the other) and then takes,
 * for each port, the address that has been free for longest and is not being taken by another
 * transaction. No lock is common to two instances, unless a subnet's queue of free addresses is
 * empty or an address was asked for.
 */
final class SqlAllocator {
  /** Allocations of one transaction. */
  private static final int GROUP = 64;

  private final Jdbi jdbi;
  private final InstantSource clock;

  /** Many boots at once share commits, and statements. */
  private final GroupCommit<Wanted, List<Nic>> allocations =
      new GroupCommit<>(GROUP, this::allocate);

  SqlAllocator(Jdbi jdbi, InstantSource clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  /** What one instance wants. */
  private record Wanted(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {
    NewPort port(int position, Network network) {
      return NewPort.of(network, id, projectId, host, position);
    }
  }

  /** See {@link Networks#allocateForInstance}. */
  List<Nic> allocate(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {
    Wanted wanted = new Wanted(id, projectId, host, networks);
    return networks.stream().anyMatch(requested -> requested.fixedIp() != null)
        ? SqlAddressRows.alone(jdbi, (handle, alone) -> allocate(handle, wanted, alone))
        : allocations.write(wanted);
  }

  /** Several at once, all or none; whoever is alone gets his even if that takes longer. */
  private List<List<Nic>> allocate(List<Wanted> group) {
    if (group.size() > 1) {
      return jdbi.inTransaction(handle -> together(handle, group));
    }
    List<Nic> allocated =
        SqlAddressRows.taking(jdbi, (handle, alone) -> allocate(handle, group.getFirst(), alone));
    return List.of(allocated);
  }

  /**
   * A few statements for all of them. Instances are locked in the order of their ids, first those
   * that nobody allocated for before, then the others: so two such transactions cannot wait for one
   * another.
   *
   * @throws RuntimeException if any of it takes more than this; then nothing has happened
   */
  private List<List<Nic>> together(Handle handle, List<Wanted> group) {
    Set<UUID> first = lockNew(handle, group);
    Map<UUID, List<Nic>> allocated = new HashMap<>();
    group.stream()
        .filter(wanted -> !first.contains(wanted.id.uuid()))
        .sorted(Comparator.comparing(wanted -> wanted.id.uuid()))
        .forEach(wanted -> allocated.put(wanted.id.uuid(), allocate(handle, wanted, false)));
    Map<String, Network> networks = new HashMap<>();
    List<NewPort> ports = new ArrayList<>();
    for (Wanted wanted : group) {
      if (!first.contains(wanted.id.uuid())) {
        continue;
      }
      allocated.put(wanted.id.uuid(), new ArrayList<>());
      for (int position = 0; position < wanted.networks.size(); position++) {
        Network network =
            networks.computeIfAbsent(
                wanted.networks.get(position).networkId(), id -> SqlNetworkRows.get(handle, id));
        ports.add(wanted.port(position, network));
      }
    }
    SqlPortRows.add(handle, ports, clock.instant());
    Map<UUID, String> addresses = new HashMap<>();
    ports.stream()
        .collect(
            Collectors.groupingBy(
                NewPort::network, Collectors.mapping(NewPort::id, Collectors.toList())))
        .forEach((network, those) -> addresses.putAll(SqlAddressRows.take(handle, network, those)));
    for (NewPort port : ports) {
      allocated.get(port.instance().uuid()).add(port.nic(addresses.get(port.id())));
    }
    return group.stream().map(wanted -> List.copyOf(allocated.get(wanted.id.uuid()))).toList();
  }

  /** Returns those that nobody allocated or released for before; they are locked now. */
  private static Set<UUID> lockNew(Handle handle, List<Wanted> group) {
    return handle
        .createQuery(
            """
            INSERT INTO instance_network (instance_uuid) SELECT unnest(:ids)
            ON CONFLICT (instance_uuid) DO NOTHING RETURNING instance_uuid
            """)
        .bindArray(
            "ids", UUID.class, group.stream().map(wanted -> wanted.id.uuid()).sorted().toList())
        .mapTo(UUID.class)
        .set();
  }

  /** One attempt; see {@link SqlAddressRows#taking}. */
  private List<Nic> allocate(Handle handle, Wanted wanted, boolean alone) {
    boolean first = lock(handle, wanted.id);
    List<Nic> before = first ? List.of() : SqlPortRows.nics(handle, wanted.id);
    if (!before.isEmpty()) {
      SqlPortRows.rebind(handle, wanted.id, wanted.host);
      return before;
    }
    if (alone) {
      SqlAddressRows.lock(
          handle,
          wanted.networks.stream()
              .flatMap(requested -> Addresses.uuid(requested.networkId()).stream())
              .toList());
    }
    return IntStream.range(0, wanted.networks.size())
        .mapToObj(position -> allocate(handle, wanted, position, alone))
        .toList();
  }

  private Nic allocate(Handle handle, Wanted wanted, int position, boolean alone) {
    RequestedNetwork requested = wanted.networks.get(position);
    Network network = SqlNetworkRows.get(handle, requested.networkId());
    NewPort port = SqlPortRows.add(handle, wanted.port(position, network), clock.instant());
    return port.nic(
        requested.fixedIp() == null
            ? SqlAddressRows.take(handle, network, port.id(), alone)
            : SqlAddressRows.take(handle, network, port.id(), requested.fixedIp()));
  }

  /**
   * From here to the end of the transaction, nobody else allocates or releases for the instance.
   *
   * @return whether nobody did before
   */
  private static boolean lock(Handle handle, InstanceId id) {
    boolean first =
        handle
                .createUpdate(
                    """
                    INSERT INTO instance_network (instance_uuid) VALUES (:id)
                    ON CONFLICT (instance_uuid) DO NOTHING
                    """)
                .bind("id", id.uuid())
                .execute()
            == 1;
    if (first) {
      return true;
    }
    boolean released =
        handle
            .createQuery(
                """
                SELECT released_at IS NOT NULL FROM instance_network WHERE instance_uuid = :id
                FOR UPDATE
                """)
            .bind("id", id.uuid())
            .mapTo(Boolean.class)
            .one();
    if (released) {
      throw new IllegalStateException("the networks of instance " + id + " were released before");
    }
    return false;
  }
}
