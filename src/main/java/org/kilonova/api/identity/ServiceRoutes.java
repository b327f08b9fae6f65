package org.kilonova.api.identity;

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
import org.kilonova.identity.Ids;
import org.kilonova.identity.Service;
import org.kilonova.identity.Store;

/** The catalog's services: the cloud's own, and others that were added. */
final class ServiceRoutes implements Stored<Service> {
  private static final Set<String> KNOWN =
      Set.of("id", "type", "name", "description", "enabled", "links");

  private final Directory directory;
  private final Catalog catalog;

  ServiceRoutes(EmbeddedIdentity identity) {
    this.directory = identity.directory();
    this.catalog = identity.catalog();
  }

  void mount(Mount mount) {
    new Collection<>(
            "service",
            "services",
            this,
            Map.of("type", Filter.TEXT, "name", Filter.TEXT),
            Documents::service,
            (call, id) -> false,
            false)
        .mount(mount);
  }

  static ApiFault builtIn(String what) {
    return ApiFault.forbidden(
        "This " + what + " is part of the cloud itself; only its configuration can change it.");
  }

  @Override
  public Store<Service> store() {
    return directory.services();
  }

  @Override
  public void checkStored(String id) {
    if (catalog.builtInService(id).isPresent()) {
      throw builtIn("service");
    }
  }

  @Override
  public List<Service> list(Map<String, Object> filter, Call call) {
    return catalog.services().stream()
        .filter(
            s ->
                filter.getOrDefault("type", s.type()).equals(s.type())
                    && (!filter.containsKey("name") || filter.get("name").equals(s.name())))
        .toList();
  }

  @Override
  public Service get(String id) {
    return catalog.builtInService(id).orElseGet(() -> Stored.super.get(id));
  }

  @Override
  public Service blank(Fields f, Call call) {
    return new Service(Ids.next(), null, null, null, true, Map.of());
  }

  @Override
  public Service changed(Service s, Fields f) {
    return new Service(
        s.id(),
        f.required("type", s.type()),
        f.text("name", s.name()),
        f.text("description", s.description()),
        f.bool("enabled", s.enabled()),
        f.extra(s.extra(), KNOWN));
  }
}
