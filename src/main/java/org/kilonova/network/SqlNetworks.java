package org.kilonova.network;

import inet.ipaddr.IPAddress;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.persistence.Database;

/**
 * The embedded network service: ports and addresses in PostgreSQL. Requests are checked here and
 * releases done; {@link SqlAllocator} allocates, {@link SqlFixedIpChanges} changes what was
 * allocated. Each of them is a transaction that first locks the instance.
 */
public final class SqlNetworks implements Networks {
  /** How long an allocation that was sent before the release may be on its way. */
  private static final Duration RELEASED_IS_KEPT = Duration.ofDays(1);

  private final Jdbi jdbi;
  private final InstantSource clock;
  private final SqlAllocator allocator;
  private final SqlFixedIpChanges changes;

  public SqlNetworks(Database database, InstantSource clock) {
    this.jdbi = database.jdbi();
    this.clock = clock;
    this.allocator = new SqlAllocator(jdbi, clock);
    this.changes = new SqlFixedIpChanges(jdbi, clock);
  }

  /**
   * Makes the default network unless the cloud has it. Each node calls it at each start.
   *
   * @param projectId the project that owns it; no other sees it
   * @return its id
   */
  public UUID ensureDefault(DefaultNetwork wanted, String projectId) {
    return jdbi.inTransaction(
        handle -> SqlNetworkRows.ensureDefault(handle, wanted, projectId, clock.instant()));
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
              handle ->
                  request.networks().stream()
                      .map(requested -> validate(handle, projectId, admin, requested))
                      .toList());
    };
  }

  /** The project's one network, or a shared one; several are an ambiguity. */
  private Optional<RequestedNetwork> onlyNetwork(String projectId) {
    List<Network> visible = jdbi.withHandle(handle -> SqlNetworkRows.firstTwo(handle, projectId));
    if (visible.size() > 1) {
      throw new NetworkConflictException(
          "Multiple possible networks found, use a Network ID to be more specific.");
    }
    return visible.stream()
        .findFirst()
        .map(network -> new RequestedNetwork(network.id().toString(), null, null, null));
  }

  private static RequestedNetwork validate(
      Handle handle, String projectId, boolean admin, RequestedNetwork requested) {
    if (requested.portId() != null) {
      throw noSuchPort(handle, projectId, admin, requested.portId());
    }
    Network network = SqlNetworkRows.visible(handle, requested.networkId(), projectId, admin);
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
                            .formatted(requested.fixedIp(), network.id())));
    SqlAddressRows.userOf(handle, network, address)
        .ifPresent(
            instance -> {
              throw new NetworkRequestException(
                  "Fixed IP address %s is already in use on instance %s."
                      .formatted(address, instance));
            });
    return new RequestedNetwork(network.id().toString(), null, address.toString(), requested.tag());
  }

  /** All ports that there are belong to instances. */
  private static NetworkRequestException noSuchPort(
      Handle handle, String projectId, boolean admin, String portId) {
    return Addresses.uuid(portId)
            .filter(id -> SqlPortRows.isVisible(handle, id, projectId, admin))
            .isPresent()
        ? new NetworkConflictException("Port %s is still in use.".formatted(portId))
        : new UnknownNetworkException("Port id %s could not be found.".formatted(portId));
  }

  // ----------------------------------------------------------------------- allocation and change

  @Override
  public List<Nic> allocateForInstance(
      InstanceId id, String projectId, HostId host, List<RequestedNetwork> networks) {
    return allocator.allocate(id, projectId, host, networks);
  }

  @Override
  public Changed addFixedIp(InstanceId id, String networkId, ChangeRequest request) {
    return changes.add(id, networkId, request);
  }

  @Override
  public Changed removeFixedIp(InstanceId id, String address, ChangeRequest request) {
    return changes.remove(id, address, request);
  }

  @Override
  public Optional<Changed> changedBy(InstanceId id, String requestId) {
    return changes.changedBy(id, requestId);
  }

  @Override
  public void told(InstanceId id, long revision) {
    changes.told(id, revision);
  }

  @Override
  public List<Untold> untold(Duration after) {
    return changes.untold(after);
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
          SqlAddressRows.release(handle, id);
          SqlFixedIpChanges.forget(handle, id);
          SqlPortRows.remove(handle, id);
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
