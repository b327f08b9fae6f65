package org.kilonova.network;

import inet.ipaddr.IPAddress;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks.NoMoreAddressesException;

/**
 * Fixed addresses: each is a port's, or free and in its subnet's queue. The one that has been free
 * for longest is taken first.
 */
final class SqlAddressRows {
  /** By how many addresses the queue is extended when it is empty. */
  private static final int BLOCK = 1024;

  private SqlAddressRows() {}

  /**
   * The queue of free addresses is empty, or all of it is being taken by others: the attempt is to
   * be rolled back, and made again alone.
   */
  private static final class QueueEmptyException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    QueueEmptyException() {
      super("no free address in the queue", null, false, false);
    }
  }

  /**
   * Does in a transaction what takes addresses, at first in the way of nobody; if that fails,
   * alone.
   *
   * @param work is told whether it is {@code alone}: if so it has to {@link #lock} the subnets
   *     first, and may then extend the queue and wait for addresses that others are just taking. No
   *     other attempt ever waits once it has taken something; so they cannot wait for one another
   */
  static <T> T taking(Jdbi jdbi, BiFunction<Handle, Boolean, T> work) {
    try {
      return jdbi.inTransaction(handle -> work.apply(handle, false));
    } catch (QueueEmptyException e) {
      // all that this took was rolled back
      return alone(jdbi, work);
    }
  }

  /** The second half of {@link #taking}: for who would wait in any case. */
  static <T> T alone(Jdbi jdbi, BiFunction<Handle, Boolean, T> work) {
    return jdbi.inTransaction(handle -> work.apply(handle, true));
  }

  /** From here to the end of the transaction nobody else is alone in these networks' subnets. */
  static void lock(Handle handle, Collection<UUID> networks) {
    handle
        .createQuery(
            """
            SELECT next_offset FROM subnet WHERE network_id = ANY (:networks)
            ORDER BY id FOR NO KEY UPDATE
            """)
        .bindArray("networks", UUID.class, networks.stream().distinct().toList())
        .mapTo(Long.class)
        .list();
  }

  /**
   * Takes an address for a port.
   *
   * @param alone whether the caller is, see {@link #taking}
   * @throws NoMoreAddressesException if there is none at all
   */
  static String take(Handle handle, Network network, UUID port, boolean alone) {
    while (true) {
      Optional<String> taken = takeQueued(handle, network, port);
      if (taken.isPresent()) {
        return taken.get();
      }
      if (!alone) {
        throw new QueueEmptyException();
      }
      if (!extendQueue(handle, network) && !awaitOthers(handle, network)) {
        throw new NoMoreAddressesException(
            "No fixed IP addresses available for network: " + network.id());
      }
    }
  }

  /** Passes over addresses that other transactions have locked, instead of waiting for them. */
  private static Optional<String> takeQueued(Handle handle, Network network, UUID port) {
    return handle
        .createQuery(
            """
            UPDATE fixed_address SET port_id = :port
            WHERE subnet_id = :subnet AND address = (
              SELECT address FROM fixed_address
              WHERE subnet_id = :subnet AND port_id IS NULL
              ORDER BY queued LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING host(address)
            """)
        .bind("port", port)
        .bind("subnet", network.subnetId())
        .mapTo(String.class)
        .findOne();
  }

  /**
   * Takes an address for each of many ports, in one statement, in the way of nobody.
   *
   * @return the addresses by ports
   */
  static Map<UUID, String> take(Handle handle, Network network, List<UUID> ports) {
    Map<UUID, String> taken =
        handle
            .createQuery(
                """
                WITH free AS (
                  SELECT address, row_number() OVER () AS n FROM (
                    SELECT address FROM fixed_address
                    WHERE subnet_id = :subnet AND port_id IS NULL
                    ORDER BY queued LIMIT :count FOR UPDATE SKIP LOCKED) AS locked)
                UPDATE fixed_address a SET port_id = p.id
                FROM free JOIN unnest(:ports) WITH ORDINALITY AS p (id, n) USING (n)
                WHERE a.subnet_id = :subnet AND a.address = free.address
                RETURNING a.port_id, host(a.address) AS address
                """)
            .bind("subnet", network.subnetId())
            .bind("count", ports.size())
            .bindArray("ports", UUID.class, ports)
            .reduceRows(
                new HashMap<>(),
                (all, row) -> {
                  all.put(
                      row.getColumn("port_id", UUID.class), row.getColumn("address", String.class));
                  return all;
                });
    if (taken.size() < ports.size()) {
      throw new QueueEmptyException();
    }
    return taken;
  }

  /** Takes this address and no other. */
  static String take(Handle handle, Network network, UUID port, String address) {
    return handle
        .createQuery(
            """
            INSERT INTO fixed_address AS a (subnet_id, address, port_id)
            VALUES (:subnet, CAST(:address AS text)::inet, :port)
            ON CONFLICT (subnet_id, address) DO UPDATE SET port_id = EXCLUDED.port_id
            WHERE a.port_id IS NULL
            RETURNING host(address)
            """)
        .bind("subnet", network.subnetId())
        .bind("address", address)
        .bind("port", port)
        .mapTo(String.class)
        .findOne()
        .orElseThrow(
            () ->
                new NoMoreAddressesException("Fixed IP %s is already in use.".formatted(address)));
  }

  /**
   * Queues the next block of addresses that were never given out.
   *
   * @return false if there are none
   */
  private static boolean extendQueue(Handle handle, Network network) {
    // the last address is the broadcast address
    long end = network.cidr().getCount().longValueExact() - 1;
    return handle
        .createQuery(
            """
            WITH block AS (
              SELECT id, next_offset AS low, least(next_offset + :block, :end) AS high
              FROM subnet WHERE id = :subnet AND next_offset < :end),
            queued AS (
              INSERT INTO fixed_address (subnet_id, address)
              SELECT b.id, host(s.cidr)::inet + o
              FROM block b JOIN subnet s ON s.id = b.id,
                   LATERAL generate_series(b.low, b.high - 1) AS o
              WHERE host(s.cidr)::inet + o IS DISTINCT FROM s.gateway
              ORDER BY o
              ON CONFLICT DO NOTHING)
            UPDATE subnet s SET next_offset = b.high FROM block b WHERE s.id = b.id
            RETURNING s.next_offset
            """)
        .bind("block", BLOCK)
        .bind("end", end)
        .bind("subnet", network.subnetId())
        .mapTo(Long.class)
        .findOne()
        .isPresent();
  }

  /**
   * Waits for a transaction that is taking one of the last addresses: it may fail and leave it.
   *
   * @return false if there is none
   */
  private static boolean awaitOthers(Handle handle, Network network) {
    return handle
        .createQuery(
            """
            SELECT count(*) > 0 FROM (
              SELECT 1 FROM fixed_address
              WHERE subnet_id = :subnet AND address = (
                SELECT address FROM fixed_address
                WHERE subnet_id = :subnet AND port_id IS NULL ORDER BY queued LIMIT 1)
              FOR SHARE) AS waited
            """)
        .bind("subnet", network.subnetId())
        .mapTo(Boolean.class)
        .one();
  }

  /** Whose an address is. */
  static Optional<UUID> userOf(Handle handle, Network network, IPAddress address) {
    return handle
        .createQuery(
            """
            SELECT p.instance_uuid FROM fixed_address a JOIN port p ON p.id = a.port_id
            WHERE a.subnet_id = :subnet AND a.address = CAST(:address AS text)::inet
            """)
        .bind("subnet", network.subnetId())
        .bind("address", address.toString())
        .mapTo(UUID.class)
        .findOne();
  }

  /** This one was taken for a port that had one. */
  static void markAdded(Handle handle, Network network, String address) {
    handle
        .createUpdate(
            """
            UPDATE fixed_address SET added = nextval('fixed_address_queue')
            WHERE subnet_id = :subnet AND address = CAST(:address AS text)::inet
            """)
        .bind("subnet", network.subnetId())
        .bind("address", address)
        .execute();
  }

  /**
   * An instance has it no more. What was added is free at once; what DHCP has told a guest of stays
   * with its port.
   *
   * @return whether the instance had it
   */
  static boolean takeBack(Handle handle, InstanceId id, IPAddress address) {
    return handle
            .createUpdate(
                """
                UPDATE fixed_address
                SET port_id = CASE WHEN added IS NULL THEN port_id END,
                    held = added IS NULL,
                    added = NULL,
                    queued = nextval('fixed_address_queue')
                WHERE port_id IN (SELECT p.id FROM port p WHERE p.instance_uuid = :id)
                  AND address = CAST(:address AS text)::inet AND NOT held
                """)
            .bind("id", id.uuid())
            .bind("address", address.toString())
            .execute()
        > 0;
  }

  /** Sets all of an instance's free, to the queue's end. */
  static void release(Handle handle, InstanceId id) {
    handle
        .createUpdate(
            """
            UPDATE fixed_address
            SET port_id = NULL, held = FALSE, added = NULL,
                queued = nextval('fixed_address_queue')
            WHERE port_id IN (SELECT p.id FROM port p WHERE p.instance_uuid = :id)
            """)
        .bind("id", id.uuid())
        .execute();
  }
}
