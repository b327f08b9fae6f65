package org.kilonova.api.identity;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Mount;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.api.identity.Collection.Stored;
import org.kilonova.identity.Catalog;
import org.kilonova.identity.Directory;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.Endpoint;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Region;
import org.kilonova.identity.Store;

/** The catalog's endpoints: the cloud's own, and others that were added. */
final class EndpointRoutes implements Stored<Endpoint> {
  private static final Set<String> INTERFACES = Set.of("public", "internal", "admin");
  private static final Set<String> KNOWN =
      Set.of("id", "service_id", "interface", "region", "region_id", "url", "enabled", "links");

  private final Directory directory;
  private final Catalog catalog;

  EndpointRoutes(EmbeddedIdentity identity) {
    this.directory = identity.directory();
    this.catalog = identity.catalog();
  }

  void mount(Mount mount) {
    new Collection<>(
            "endpoint",
            "endpoints",
            this,
            Map.of(
                "interface",
                Filter.TEXT,
                "service_id",
                Filter.TEXT,
                "region_id",
                Filter.TEXT,
                "region",
                Filter.TEXT),
            Documents::endpoint,
            (call, id) -> false,
            false)
        .mount(mount);
  }

  @Override
  public Store<Endpoint> store() {
    return directory.endpoints();
  }

  @Override
  public void checkStored(String id) {
    if (catalog.builtInEndpoint(id).isPresent()) {
      throw ServiceRoutes.builtIn("endpoint");
    }
  }

  @Override
  public List<Endpoint> list(Map<String, Object> filter, Call call) {
    return catalog.endpoints().stream()
        .filter(
            e -> {
              JsonNode document = Documents.endpoint(e);
              return filter.entrySet().stream()
                  .allMatch(f -> f.getValue().equals(document.path(f.getKey()).textValue()));
            })
        .toList();
  }

  @Override
  public Endpoint get(String id) {
    return catalog.builtInEndpoint(id).orElseGet(() -> Stored.super.get(id));
  }

  @Override
  public Endpoint blank(Fields f, Call call) {
    return new Endpoint(Ids.next(), null, null, null, null, true, Map.of());
  }

  @Override
  public Endpoint changed(Endpoint e, Fields f) {
    return checked(
        new Endpoint(
            e.id(),
            f.required("service_id", e.serviceId()),
            f.required("interface", e.iface()),
            f.text("region_id", f.text("region", e.regionId())),
            f.required("url", e.url()),
            f.bool("enabled", e.enabled()),
            f.extra(e.extra(), KNOWN)));
  }

  @Override
  public Endpoint create(Fields f, Call call) {
    makeRegion(f);
    return Stored.super.create(f, call);
  }

  @Override
  public Endpoint update(String id, Fields f) {
    checkStored(id);
    store().get(id);
    makeRegion(f);
    return Stored.super.update(id, f);
  }

  /** Keystone's older name of {@code region_id} makes a region that is not there yet. */
  private void makeRegion(Fields f) {
    String legacy = f.text("region", null);
    if (legacy != null && directory.regions().find(legacy).isEmpty()) {
      directory.regions().create(new Region(legacy, "", null, Map.of()));
    }
  }

  private Endpoint checked(Endpoint e) {
    if (!INTERFACES.contains(e.iface())) {
      throw ApiFault.badRequest(
          "Invalid input for field 'interface': '"
              + e.iface()
              + "' is not one of ['admin', 'internal', 'public']");
    }
    if (catalog.builtInService(e.serviceId()).isEmpty()) {
      directory.services().get(e.serviceId());
    }
    return e;
  }
}
