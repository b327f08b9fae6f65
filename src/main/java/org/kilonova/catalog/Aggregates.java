package org.kilonova.catalog;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.kilonova.kernel.HostId;

/** The host aggregates. A host is in one availability zone at most. Blocks. */
public interface Aggregates {
  /** All, by id. */
  List<Aggregate> list();

  Optional<Aggregate> find(int id);

  /** The availability zones of the hosts that are in one. */
  Map<HostId, String> zones();

  /**
   * Adds an aggregate without hosts.
   *
   * @param availabilityZone or null
   * @throws CatalogException CONFLICT if the name is taken
   */
  Aggregate create(String name, String availabilityZone);

  /**
   * Changes the name, and the keys of the metadata that are given; a null value removes its key.
   *
   * @param name null to keep it
   * @param what what is updated, for the text of a refusal: {@code aggregate} or {@code metadata of
   *     aggregate}
   * @throws CatalogException NOT_FOUND; CONFLICT if the name is taken; INVALID if hosts would be in
   *     two zones, or if they have instances and would change zones
   */
  Aggregate update(int id, String name, Map<String, String> metadata, String what);

  /**
   * Adds a host.
   *
   * @throws CatalogException NOT_FOUND if there is no such aggregate or host; CONFLICT if it is in
   *     it already, or would be in two zones
   */
  Aggregate addHost(int id, HostId host);

  /**
   * Removes a host.
   *
   * @throws CatalogException NOT_FOUND if there is no such aggregate or it has no such host
   */
  Aggregate removeHost(int id, HostId host);

  /**
   * Deletes an aggregate.
   *
   * @throws CatalogException NOT_FOUND; INVALID if it has hosts
   */
  void delete(int id);
}
