package org.kilonova.network;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import inet.ipaddr.IPAddress;
import inet.ipaddr.IPAddressString;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.GroupCommit;

/**
 * The embedded network service: ports and addresses in PostgreSQL.
 *
 * <p>An allocation is one transaction, which first locks the instance (so that an allocation and a
 * release of the same instance are one after the other) and then takes, for each port, the address
 * that has been free for longest and is not being taken by another transaction. No lock is common
 * to two instances, unless a subnet's queue of free addresses is empty or an address was asked for.
 */
public final class SqlNetworks implements Networks, Allocations {
  /** How long an allocation that was sent before the release may be on its way. */
  private static final Duration RELEASED_IS_KEPT = Duration.ofDays(1);

  /** How long a message that was carried out may come again. */
  private static final Duration REQUEST_IS_KNOWN = Duration.ofDays(1);

  /** By how many addresses the queue is extended when it is empty. */
  private static final int BLOCK = 1024;

  private static final int MAC_ATTEMPTS = 100;

  /** Allocations of one transaction. */
  private static final int GROUP = 64;

  /** Instances that are told at a time. */
  private static final int UNTOLD = 100;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Jdbi jdbi;
  private final InstantSource clock;

  /** Many boots at once share commits, and statements. */
  private final GroupCommit<Wanted, List<Nic>> allocations =
      new GroupCommit<>(GROUP, this::allocate);

  public SqlNetworks(Database database, InstantSource clock) {
    this.jdbi = database.jdbi();
    this.clock = clock;
  }

  /** A network with its subnet. */
  private record Network(
      UUID id,
      String name,
      String bridge,
      int mtu,
      UUID subnetId,
      IPAddress cidr,
      IPAddress gateway,
      List<String> dnsServers) {
    Nic nic(UUID port, String mac, String address) {
      return new Nic(
          port.toString(),
          id.toString(),
          name,
          mac,
          List.of(address),
          bridge,
          cidr.toString(),
          gateway == null ? null : gateway.toString(),
          dnsServers,
          mtu);
    }

    boolean offers(IPAddress address) {
      return Addresses.isUsable(cidr, address) && !address.equals(gateway);
    }
  }

  private static final String SELECT_NETWORK =
      """
      SELECT n.id, n.name, n.bridge, n.mtu, s.id AS subnet_id, s.cidr::text AS cidr,
             host(s.gateway) AS gateway, s.dns_servers
      FROM network n JOIN subnet s ON s.network_id = n.id
      """;

  private static Network network(ResultSet row) throws SQLException {
    String gateway = row.getString("gateway");
    return new Network(
        row.getObject("id", UUID.class),
        row.getString("name"),
        row.getString("bridge"),
        row.getInt("mtu"),
        row.getObject("subnet_id", UUID.class),
        new IPAddressString(row.getString("cidr")).getAddress(),
        gateway == null ? null : new IPAddressString(gateway).getAddress(),
        List.of((String[]) row.getArray("dns_servers").getArray()));
  }

  // --------------------------------------------------------------------------- default network

  /**
   * Makes the default network unless the cloud has it. Each node calls it at each start.
   *
   * @param projectId the project that owns it; no other sees it
   * @return its id
   */
  public UUID ensureDefault(DefaultNetwork wanted, String projectId) {
    return jdbi.inTransaction(
        handle -> {
          UUID id = UUID.randomUUID();
          int made =
              handle
                  .createUpdate(
                      """
                      INSERT INTO network
                        (id, name, project_id, shared, is_default, bridge, mtu, created_at)
                      VALUES (:id, :name, :project, FALSE, TRUE, :bridge, :mtu, :now)
                      ON CONFLICT (is_default) WHERE is_default DO NOTHING
                      """)
                  .bind("id", id)
                  .bind("name", wanted.name())
                  .bind("project", projectId)
                  .bind("bridge", wanted.bridge())
                  .bind("mtu", wanted.mtu())
                  .bind("now", clock.instant())
                  .execute();
          if (made == 0) {
            return handle
                .createQuery("SELECT id FROM network WHERE is_default")
                .mapTo(UUID.class)
                .one();
          }
          handle
              .createUpdate(
                  """
                  INSERT INTO subnet (id, network_id, cidr, gateway, dns_servers)
                  VALUES (:id, :network, CAST(:cidr AS text)::cidr, CAST(:gateway AS text)::inet,
                          :dns)
                  """)
              .bind("id", UUID.randomUUID())
              .bind("network", id)
              .bind("cidr", wanted.cidr())
              .bind("gateway", wanted.gateway())
              .bindArray("dns", String.class, wanted.dnsServers())
              .execute();
          return id;
        });
  }

  // -------------------------------------------------------------------------------- validation

  @Override
  public List<RequestedNetwork> validate(String projectId, boolean admin, NetworkRequest request) {
    return switch (request.mode()) {
      case NONE -> List.of();
      case UNSPECIFIED -> onlyNetwork(projectId).map(List::of).orElse(List.of());
      case AUTO ->
          List.of(
              onlyNetwork(projectId)
                  .orElseThrow(
                      () ->
                          new NetworkRequestException(
                              "Unable to automatically allocate a network for project "
                                  + projectId)));
      case LIST ->
          jdbi.withHandle(
              handle -> {
                List<RequestedNetwork> checked = new ArrayList<>();
                for (RequestedNetwork requested : request.networks()) {
                  checked.add(validate(handle, projectId, admin, requested));
                }
                return List.copyOf(checked);
              });
    };
  }

  /** The project's one network, or a shared one; several are an ambiguity. */
  private Optional<RequestedNetwork> onlyNetwork(String projectId) {
    List<Network> visible =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        SELECT_NETWORK + "WHERE n.project_id = :project OR n.shared LIMIT 2")
                    .bind("project", projectId)
                    .map((row, context) -> network(row))
                    .list());
    if (visible.size() > 1) {
      throw new NetworkConflictException(
          "Multiple possible networks found, use a Network ID to be more specific.");
    }
    return visible.stream()
        .findFirst()
        .map(network -> new RequestedNetwork(network.id.toString(), null, null, null));
  }

  private static RequestedNetwork validate(
      Handle handle, String projectId, boolean admin, RequestedNetwork requested) {
    if (requested.portId() != null) {
      throw noSuchPort(handle, projectId, admin, requested.portId());
    }
    Network network =
        uuid(requested.networkId())
            .flatMap(id -> visibleNetwork(handle, id, projectId, admin))
            .orElseThrow(() -> unknown(requested.networkId()));
    if (requested.fixedIp() == null) {
      return requested;
    }
    IPAddress address =
        Addresses.parse(requested.fixedIp())
            .filter(network::offers)
            .orElseThrow(
                () ->
                    new NetworkRequestException(
                        "Invalid input received: Fixed IP %s is not a valid ip address for network %s."
                            .formatted(requested.fixedIp(), network.id)));
    userOf(handle, network, address)
        .ifPresent(
            instance -> {
              throw new NetworkRequestException(
                  "Fixed IP address %s is already in use on instance %s."
                      .formatted(address, instance));
            });
    return new RequestedNetwork(network.id.toString(), null, address.toString(), requested.tag());
  }

  /** All ports that there are belong to instances. */
  private static NetworkRequestException noSuchPort(
      Handle handle, String projectId, boolean admin, String portId) {
    boolean visible =
        uuid(portId)
            .flatMap(
                id ->
                    handle
                        .createQuery(
                            "SELECT 1 FROM port WHERE id = :id AND (:admin OR project_id = :project)")
                        .bind("id", id)
                        .bind("admin", admin)
                        .bind("project", projectId)
                        .mapTo(Integer.class)
                        .findOne())
            .isPresent();
    return visible
        ? new NetworkConflictException("Port %s is still in use.".formatted(portId))
        : new UnknownNetworkException("Port id %s could not be found.".formatted(portId));
  }

  private static Optional<Network> visibleNetwork(
      Handle handle, UUID id, String projectId, boolean admin) {
    return handle
        .createQuery(
            SELECT_NETWORK + "WHERE n.id = :id AND (:admin OR n.shared OR n.project_id = :project)")
        .bind("id", id)
        .bind("admin", admin)
        .bind("project", projectId)
        .map((row, context) -> network(row))
        .findOne();
  }

  private static Optional<UUID> userOf(Handle handle, Network network, IPAddress address) {
    return handle
        .createQuery(
            """
            SELECT p.instance_uuid FROM fixed_address a JOIN port p ON p.id = a.port_id
            WHERE a.subnet_id = :subnet AND a.address = CAST(:address AS text)::inet
            """)
        .bind("subnet", network.subnetId)
        .bind("address", address.toString())
        .mapTo(UUID.class)
        .findOne();
  }

  private static UnknownNetworkException unknown(String networkId) {
    return new UnknownNetworkException("Network %s could not be found.".formatted(networkId));
  }

  private static Optional<UUID> uuid(String text) {
    try {
      return Optional.ofNullable(text).map(UUID::fromString);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  // -------------------------------------------------------------------------------- allocation

  @Override
  public List<Nic> allocateForInstance(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {
    Wanted wanted = new Wanted(id, projectId, host, networks);
    return networks.stream().anyMatch(requested -> requested.fixedIp() != null)
        ? allocate(wanted, true)
        : allocations.write(wanted);
  }

  /** What one instance wants. */
  private record Wanted(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {}

  /** Several at once, all or none; whoever is alone gets his even if that takes longer. */
  private List<List<Nic>> allocate(List<Wanted> group) {
    if (group.size() > 1) {
      return jdbi.inTransaction(handle -> together(handle, group));
    }
    Wanted wanted = group.getFirst();
    try {
      return List.of(allocate(wanted, false));
    } catch (QueueEmptyException e) {
      // all that this took was rolled back
      return List.of(allocate(wanted, true));
    }
  }

  /** One port of one instance. */
  private record NewPort(UUID id, Network network, Wanted wanted, int position, String mac) {}

  /**
   * A few statements for all of them. Instances are locked in the order of their ids, first those
   * that nobody allocated for before, then the others: so two such transactions cannot wait for one
   * another.
   *
   * @throws RuntimeException if any of it takes more than this; then nothing has happened
   */
  private List<List<Nic>> together(Handle handle, List<Wanted> group) {
    Set<UUID> first = lockNewForAllocation(handle, group);
    Map<UUID, List<Nic>> allocated = new HashMap<>();
    group.stream()
        .filter(wanted -> !first.contains(wanted.id.uuid()))
        .sorted(Comparator.comparing(wanted -> wanted.id.uuid()))
        .forEach(wanted -> allocated.put(wanted.id.uuid(), allocate(handle, wanted, false)));
    Map<UUID, Optional<Network>> networks = new HashMap<>();
    List<NewPort> ports = new ArrayList<>();
    for (Wanted wanted : group) {
      if (!first.contains(wanted.id.uuid())) {
        continue;
      }
      allocated.put(wanted.id.uuid(), new ArrayList<>());
      for (int position = 0; position < wanted.networks.size(); position++) {
        String requested = wanted.networks.get(position).networkId();
        Network network =
            uuid(requested)
                .flatMap(
                    uuid ->
                        networks.computeIfAbsent(
                            uuid, u -> visibleNetwork(handle, u, wanted.projectId, true)))
                .orElseThrow(() -> unknown(requested));
        UUID port = Addresses.portId(wanted.id, position);
        ports.add(new NewPort(port, network, wanted, position, Addresses.mac(port, 0)));
      }
    }
    addPorts(handle, ports);
    Map<UUID, String> addresses = new HashMap<>();
    ports.stream()
        .collect(Collectors.groupingBy(port -> port.network))
        .forEach((network, those) -> addresses.putAll(takeQueued(handle, network, those)));
    for (NewPort port : ports) {
      allocated
          .get(port.wanted.id.uuid())
          .add(port.network.nic(port.id, port.mac, addresses.get(port.id)));
    }
    return group.stream().map(wanted -> List.copyOf(allocated.get(wanted.id.uuid()))).toList();
  }

  /** Returns those that nobody allocated or released for before; they are locked now. */
  private static Set<UUID> lockNewForAllocation(Handle handle, List<Wanted> group) {
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

  private void addPorts(Handle handle, List<NewPort> ports) {
    int added =
        handle
            .createUpdate(
                """
                INSERT INTO port
                  (id, network_id, project_id, instance_uuid, position, mac, host, created_at)
                SELECT id, network, project, instance, position, mac::macaddr, host, :now
                FROM unnest(:ids, :networks, :projects, :instances, :positions, :macs, :hosts)
                  AS p (id, network, project, instance, position, mac, host)
                ON CONFLICT (network_id, mac) DO NOTHING
                """)
            .bindArray("ids", UUID.class, ports.stream().map(NewPort::id).toList())
            .bindArray("networks", UUID.class, ports.stream().map(p -> p.network.id).toList())
            .bindArray(
                "projects", String.class, ports.stream().map(p -> p.wanted.projectId).toList())
            .bindArray(
                "instances", UUID.class, ports.stream().map(p -> p.wanted.id.uuid()).toList())
            .bindArray("positions", Integer.class, ports.stream().map(NewPort::position).toList())
            .bindArray("macs", String.class, ports.stream().map(NewPort::mac).toList())
            .bindArray(
                "hosts", String.class, ports.stream().map(p -> p.wanted.host.name()).toList())
            .bind("now", clock.instant())
            .execute();
    if (added < ports.size()) {
      throw new IllegalStateException("a MAC address is in use");
    }
  }

  /**
   * Takes, for each port, one of the addresses that have been free for longest.
   *
   * @throws QueueEmptyException if there are too few
   */
  private static Map<UUID, String> takeQueued(Handle handle, Network network, List<NewPort> ports) {
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
            .bind("subnet", network.subnetId)
            .bind("count", ports.size())
            .bindArray("ports", UUID.class, ports.stream().map(NewPort::id).toList())
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

  /**
   * One attempt.
   *
   * @param alone whether nobody else may do the same in the same subnets at the same time. Such an
   *     attempt may extend the queue and may wait for addresses that others are just taking. No
   *     other attempt ever waits once it has taken something; so they cannot wait for one another.
   */
  private List<Nic> allocate(Wanted wanted, boolean alone) {
    return jdbi.inTransaction(handle -> allocate(handle, wanted, alone));
  }

  private List<Nic> allocate(Handle handle, Wanted wanted, boolean alone) {
    InstanceId id = wanted.id;
    boolean first = lockForAllocation(handle, id);
    List<Nic> before = first ? List.of() : nics(handle, id);
    if (!before.isEmpty()) {
      rebind(handle, id, wanted.host);
      return before;
    }
    if (alone) {
      lockSubnets(handle, wanted.networks);
    }
    List<Nic> allocated = new ArrayList<>();
    for (int position = 0; position < wanted.networks.size(); position++) {
      RequestedNetwork requested = wanted.networks.get(position);
      Network network =
          uuid(requested.networkId())
              .flatMap(uuid -> visibleNetwork(handle, uuid, wanted.projectId, true))
              .orElseThrow(() -> unknown(requested.networkId()));
      UUID port = Addresses.portId(id, position);
      String mac = addPort(handle, port, network, wanted.projectId, id, position, wanted.host);
      String address;
      if (requested.fixedIp() != null) {
        address = take(handle, network, port, requested.fixedIp());
      } else if (alone) {
        address = takePatiently(handle, network, port);
      } else {
        address = takeQueued(handle, network, port).orElseThrow(QueueEmptyException::new);
      }
      allocated.add(network.nic(port, mac, address));
    }
    return List.copyOf(allocated);
  }

  /** The queue of free addresses is empty, or all of it is being taken by others. */
  private static final class QueueEmptyException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    QueueEmptyException() {
      super("no free address in the queue", null, false, false);
    }
  }

  private static void lockSubnets(Handle handle, List<RequestedNetwork> networks) {
    handle
        .createQuery(
            """
            SELECT next_offset FROM subnet WHERE network_id = ANY (:networks)
            ORDER BY id FOR NO KEY UPDATE
            """)
        .bindArray(
            "networks",
            UUID.class,
            networks.stream().flatMap(r -> uuid(r.networkId()).stream()).distinct().toList())
        .mapTo(Long.class)
        .list();
  }

  /**
   * From here to the end of the transaction, nobody else allocates or releases for the instance.
   *
   * @return whether nobody did before
   */
  private static boolean lockForAllocation(Handle handle, InstanceId id) {
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

  /** Returns the port's MAC address. */
  private String addPort(
      Handle handle,
      UUID port,
      Network network,
      String projectId,
      InstanceId id,
      int position,
      HostId host) {
    for (int attempt = 0; attempt < MAC_ATTEMPTS; attempt++) {
      String mac = Addresses.mac(port, attempt);
      int added =
          handle
              .createUpdate(
                  """
                  INSERT INTO port
                    (id, network_id, project_id, instance_uuid, position, mac, host, created_at)
                  VALUES (:id, :network, :project, :instance, :position,
                          CAST(:mac AS text)::macaddr, :host, :now)
                  ON CONFLICT (network_id, mac) DO NOTHING
                  """)
              .bind("id", port)
              .bind("network", network.id)
              .bind("project", projectId)
              .bind("instance", id.uuid())
              .bind("position", position)
              .bind("mac", mac)
              .bind("host", host.name())
              .bind("now", clock.instant())
              .execute();
      if (added == 1) {
        return mac;
      }
    }
    throw new NoMoreAddressesException("No MAC addresses available for network: " + network.id);
  }

  /** Takes an address if there is one at all. The caller has the lock of the subnet. */
  private static String takePatiently(Handle handle, Network network, UUID port) {
    while (true) {
      Optional<String> taken = takeQueued(handle, network, port);
      if (taken.isPresent()) {
        return taken.get();
      }
      if (!extendQueue(handle, network) && !awaitOthers(handle, network)) {
        throw new NoMoreAddressesException(
            "No fixed IP addresses available for network: " + network.id);
      }
    }
  }

  /**
   * Takes the address that has been free for longest. Passes over those that other transactions
   * have locked, instead of waiting for them.
   */
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
        .bind("subnet", network.subnetId)
        .mapTo(String.class)
        .findOne();
  }

  /**
   * Queues the next block of addresses that were never given out.
   *
   * @return false if there are none
   */
  private static boolean extendQueue(Handle handle, Network network) {
    // the last address is the broadcast address
    long end = network.cidr.getCount().longValueExact() - 1;
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
        .bind("subnet", network.subnetId)
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
        .bind("subnet", network.subnetId)
        .mapTo(Boolean.class)
        .one();
  }

  /** Takes this address and no other. */
  private static String take(Handle handle, Network network, UUID port, String address) {
    return handle
        .createQuery(
            """
                INSERT INTO fixed_address AS a (subnet_id, address, port_id)
                VALUES (:subnet, CAST(:address AS text)::inet, :port)
                ON CONFLICT (subnet_id, address) DO UPDATE SET port_id = EXCLUDED.port_id
                WHERE a.port_id IS NULL
                RETURNING host(address)
                """)
        .bind("subnet", network.subnetId)
        .bind("address", address)
        .bind("port", port)
        .mapTo(String.class)
        .findOne()
        .orElseThrow(
            () ->
                new NoMoreAddressesException("Fixed IP %s is already in use.".formatted(address)));
  }

  /** The boot goes on on another host: the ports are the same. */
  private static void rebind(Handle handle, InstanceId id, HostId host) {
    handle
        .createUpdate("UPDATE port SET host = :host WHERE instance_uuid = :id AND host <> :host")
        .bind("host", host.name())
        .bind("id", id.uuid())
        .execute();
  }

  private static final String SELECT_NIC =
      """
      SELECT p.id, n.id AS network_id, n.name, p.mac::text AS mac, n.bridge, n.mtu,
             ARRAY(SELECT host(a.address) FROM fixed_address a
                   WHERE a.port_id = p.id AND NOT a.held
                   ORDER BY a.added NULLS FIRST) AS addresses,
             s.cidr::text AS cidr, host(s.gateway) AS gateway,
             s.dns_servers, p.instance_uuid, p.project_id, p.host
      FROM port p
      JOIN network n ON n.id = p.network_id
      JOIN subnet s ON s.network_id = n.id
      """;

  private static List<Nic> nics(Handle handle, InstanceId id) {
    return handle
        .createQuery(SELECT_NIC + "WHERE p.instance_uuid = :id ORDER BY p.position")
        .bind("id", id.uuid())
        .map((row, context) -> nic(row))
        .list();
  }

  private static Nic nic(ResultSet row) throws SQLException {
    return new Nic(
        row.getString("id"),
        row.getString("network_id"),
        row.getString("name"),
        row.getString("mac"),
        List.of((String[]) row.getArray("addresses").getArray()),
        row.getString("bridge"),
        row.getString("cidr"),
        row.getString("gateway"),
        List.of((String[]) row.getArray("dns_servers").getArray()),
        row.getInt("mtu"));
  }

  // -------------------------------------------------------------------------- what was given out

  @Override
  public List<Nic> nics(InstanceId id) {
    return jdbi.withHandle(handle -> nics(handle, id));
  }

  @Override
  public Optional<FixedIp> findByAddress(String address) {
    return Addresses.parse(address)
        .flatMap(
            parsed ->
                fixedIp("NOT f.held AND f.address = CAST(:what AS text)::inet", parsed.toString()));
  }

  @Override
  public Optional<FixedIp> findFixedIp(long id) {
    return fixedIp("NOT f.held AND f.id = :what", id);
  }

  private Optional<FixedIp> fixedIp(String which, Object what) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT nic.*, f.id AS fixed_id, host(f.address) AS fixed_address
                    FROM fixed_address f JOIN (%s) AS nic ON nic.id = f.port_id
                    WHERE %s LIMIT 1
                    """
                        .formatted(SELECT_NIC, which))
                .bind("what", what)
                .map(
                    (row, context) ->
                        new FixedIp(
                            row.getLong("fixed_id"),
                            row.getString("fixed_address"),
                            allocation(row)))
                .findOne());
  }

  @Override
  public Optional<Allocation> findByMac(String mac) {
    return mac.matches("[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}")
        ? allocation("WHERE p.mac = CAST(:what AS text)::macaddr", mac)
        : Optional.empty();
  }

  private Optional<Allocation> allocation(String where, String what) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(SELECT_NIC + where + " LIMIT 1")
                .bind("what", what)
                .map((row, context) -> allocation(row))
                .findOne());
  }

  private static Allocation allocation(ResultSet row) throws SQLException {
    return new Allocation(
        new InstanceId(row.getObject("instance_uuid", UUID.class)),
        row.getString("project_id"),
        new HostId(row.getString("host")),
        nic(row));
  }

  @Override
  public List<NetworkInfo> networks(String projectId, boolean admin) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT n.id, n.name, n.project_id, n.shared, n.bridge, n.mtu,
                           s.cidr::text AS cidr, host(s.gateway) AS gateway, s.dns_servers
                    FROM network n JOIN subnet s ON s.network_id = n.id
                    WHERE :admin OR n.shared OR n.project_id = :project ORDER BY n.name, n.id
                    """)
                .bind("admin", admin)
                .bind("project", projectId)
                .map(
                    (row, context) ->
                        new NetworkInfo(
                            row.getString("id"),
                            row.getString("name"),
                            row.getString("project_id"),
                            row.getBoolean("shared"),
                            row.getString("bridge"),
                            row.getInt("mtu"),
                            row.getString("cidr"),
                            row.getString("gateway"),
                            List.of((String[]) row.getArray("dns_servers").getArray())))
                .list());
  }

  // ------------------------------------------------------------------------- further addresses

  @Override
  public Changed addFixedIp(InstanceId id, String networkId, ChangeRequest request) {
    try {
      return jdbi.inTransaction(handle -> add(handle, id, networkId, request, false));
    } catch (QueueEmptyException e) {
      // all that this took was rolled back
      return jdbi.inTransaction(handle -> add(handle, id, networkId, request, true));
    }
  }

  /** One attempt; as {@link #allocate(Wanted, boolean)}. */
  private Changed add(
      Handle handle, InstanceId id, String networkId, ChangeRequest request, boolean alone) {
    if (isCarriedOut(handle, id, request.id())) {
      return changed(handle, id);
    }
    UUID networkUuid = uuid(networkId).orElseThrow(() -> notIn(id, networkId));
    UUID port = firstPort(handle, id, networkUuid).orElseThrow(() -> notIn(id, networkId));
    Network network = visibleNetwork(handle, networkUuid, null, true).orElseThrow();
    if (alone) {
      lockSubnets(handle, List.of(new RequestedNetwork(networkId, null, null, null)));
    }
    String address =
        alone
            ? takePatiently(handle, network, port)
            : takeQueued(handle, network, port).orElseThrow(QueueEmptyException::new);
    handle
        .createUpdate(
            """
            UPDATE fixed_address SET added = nextval('fixed_address_queue')
            WHERE subnet_id = :subnet AND address = CAST(:address AS text)::inet
            """)
        .bind("subnet", network.subnetId)
        .bind("address", address)
        .execute();
    return counted(handle, id, true, request);
  }

  private static UnknownNetworkException notIn(InstanceId id, String networkId) {
    return new UnknownNetworkException(
        "Network %s could not be found for instance %s.".formatted(networkId, id));
  }

  private static Optional<UUID> firstPort(Handle handle, InstanceId id, UUID network) {
    return handle
        .createQuery(
            """
            SELECT id FROM port WHERE instance_uuid = :id AND network_id = :network
            ORDER BY position LIMIT 1
            """)
        .bind("id", id.uuid())
        .bind("network", network)
        .mapTo(UUID.class)
        .findOne();
  }

  @Override
  public Changed removeFixedIp(InstanceId id, String address, ChangeRequest request) {
    return jdbi.inTransaction(
        handle -> {
          if (isCarriedOut(handle, id, request.id())) {
            return changed(handle, id);
          }
          takeBack(handle, id, address);
          return counted(handle, id, false, request);
        });
  }

  /** What was added is free at once; what DHCP has told a guest of stays with its port. */
  private static void takeBack(Handle handle, InstanceId id, String address) {
    IPAddress parsed = Addresses.parse(address).orElseThrow(() -> notOf(id, address));
    int taken =
        handle
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
            .bind("address", parsed.toString())
            .execute();
    if (taken == 0) {
      throw notOf(id, address);
    }
  }

  private static FixedIpNotFoundException notOf(InstanceId id, String address) {
    return new FixedIpNotFoundException(
        "Instance %s doesn't have fixed IP '%s'.".formatted(id, address));
  }

  /**
   * From here to the end of the transaction, nobody else changes, allocates or releases for the
   * instance. An instance that nothing was allocated for, or no more, has no ports: what comes next
   * finds that.
   */
  private boolean isCarriedOut(Handle handle, InstanceId id, String requestId) {
    handle
        .createQuery("SELECT revision FROM instance_network WHERE instance_uuid = :id FOR UPDATE")
        .bind("id", id.uuid())
        .mapTo(Long.class)
        .findOne();
    handle
        .createUpdate(
            """
            DELETE FROM address_change
            WHERE instance_uuid = :id AND at < :before AND context IS NULL
            """)
        .bind("id", id.uuid())
        .bind("before", clock.instant().minus(REQUEST_IS_KNOWN))
        .execute();
    return handle
            .createUpdate(
                """
                INSERT INTO address_change (instance_uuid, request_id, at)
                VALUES (:id, :request, :now) ON CONFLICT DO NOTHING
                """)
            .bind("id", id.uuid())
            .bind("request", requestId)
            .bind("now", clock.instant())
            .execute()
        == 0;
  }

  private static Changed counted(
      Handle handle, InstanceId id, boolean added, ChangeRequest request) {
    long revision =
        handle
            .createQuery(
                """
                UPDATE instance_network SET revision = revision + 1 WHERE instance_uuid = :id
                RETURNING revision
                """)
            .bind("id", id.uuid())
            .mapTo(Long.class)
            .one();
    handle
        .createUpdate(
            """
            UPDATE address_change
            SET revision = :revision, added = :added, context = CAST(:context AS jsonb)
            WHERE instance_uuid = :id AND request_id = :request
            """)
        .bind("revision", revision)
        .bind("added", added)
        .bind("context", request.context() == null ? null : json(request.context()))
        .bind("id", id.uuid())
        .bind("request", request.id())
        .execute();
    return new Changed(nics(handle, id), revision);
  }

  private static String json(ActionContext context) {
    try {
      return JSON.writeValueAsString(context);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private static ActionContext context(String json) {
    try {
      return JSON.readValue(json, ActionContext.class);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Changed changed(Handle handle, InstanceId id) {
    // First the number: ports that are newer than it are no harm, older ones would stay.
    long revision =
        handle
            .createQuery("SELECT revision FROM instance_network WHERE instance_uuid = :id")
            .bind("id", id.uuid())
            .mapTo(Long.class)
            .one();
    return new Changed(nics(handle, id), revision);
  }

  @Override
  public Optional<Changed> changedBy(InstanceId id, String requestId) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT 1 FROM address_change
                    WHERE instance_uuid = :id AND request_id = :request
                    """)
                .bind("id", id.uuid())
                .bind("request", requestId)
                .mapTo(Integer.class)
                .findOne()
                .map(known -> changed(handle, id)));
  }

  @Override
  public void told(InstanceId id, long revision) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(
                    """
                    UPDATE address_change SET context = NULL
                    WHERE instance_uuid = :id AND revision <= :revision AND context IS NOT NULL
                    """)
                .bind("id", id.uuid())
                .bind("revision", revision)
                .execute());
  }

  @Override
  public List<Untold> untold(Duration after) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT instance_uuid, added, context::text AS context FROM address_change u
                    WHERE context IS NOT NULL AND at <= :before AND NOT EXISTS (
                      SELECT 1 FROM address_change later
                      WHERE later.instance_uuid = u.instance_uuid AND later.revision > u.revision)
                    ORDER BY at LIMIT :limit
                    """)
                .bind("before", clock.instant().minus(after))
                .bind("limit", UNTOLD)
                .map((row, context) -> untold(handle, row))
                .list());
  }

  private static Untold untold(Handle handle, ResultSet row) throws SQLException {
    InstanceId id = new InstanceId(row.getObject("instance_uuid", UUID.class));
    return new Untold(
        id, changed(handle, id), row.getBoolean("added"), context(row.getString("context")));
  }

  // ----------------------------------------------------------------------------------- release

  @Override
  public void deallocateForInstance(InstanceId id) {
    jdbi.useTransaction(
        handle -> {
          handle
              .createUpdate(
                  """
                  INSERT INTO instance_network AS i (instance_uuid, released_at) VALUES (:id, :now)
                  ON CONFLICT (instance_uuid)
                  DO UPDATE SET released_at = coalesce(i.released_at, EXCLUDED.released_at)
                  """)
              .bind("id", id.uuid())
              .bind("now", clock.instant())
              .execute();
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
          handle
              .createUpdate("DELETE FROM address_change WHERE instance_uuid = :id")
              .bind("id", id.uuid())
              .execute();
          handle
              .createUpdate("DELETE FROM port WHERE instance_uuid = :id")
              .bind("id", id.uuid())
              .execute();
          forgetOldReleases(handle);
        });
  }

  private void forgetOldReleases(Handle handle) {
    handle
        .createUpdate(
            """
            DELETE FROM instance_network WHERE instance_uuid IN (
              SELECT instance_uuid FROM instance_network WHERE released_at < :before
              LIMIT 100 FOR UPDATE SKIP LOCKED)
            """)
        .bind("before", clock.instant().minus(RELEASED_IS_KEPT))
        .execute();
  }
}
