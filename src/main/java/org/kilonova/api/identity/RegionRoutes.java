package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.PUT;
import static org.kilonova.api.identity.Collection.guarded;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.api.identity.Collection.Stored;
import org.kilonova.identity.Directory;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Region;
import org.kilonova.identity.Store;

/** The catalog's regions, whose ids a client may choose. */
final class RegionRoutes implements Stored<Region> {
  private static final Set<String> KNOWN = Set.of("id", "description", "parent_region_id", "links");

  private final Directory directory;
  private final Collection<Region> regions =
      new Collection<>(
          "region",
          "regions",
          this,
          Map.of("parent_region_id", Filter.TEXT),
          Documents::region,
          (call, id) -> true,
          true);

  RegionRoutes(Directory directory) {
    this.directory = directory;
  }

  void mount(Mount mount) {
    regions.mount(mount);
    mount.route(PUT, "/regions/{id}").token().json().to(guarded(this::put));
  }

  @Override
  public Store<Region> store() {
    return directory.regions();
  }

  @Override
  public Region blank(Fields f, Call call) {
    return blank(f, Optional.ofNullable(f.text("id", null)).orElseGet(Ids::next));
  }

  private Region blank(Fields f, String id) {
    String parent = f.text("parent_region_id", null);
    if (parent != null) {
      directory.regions().get(parent);
    }
    return new Region(id, "", null, Map.of());
  }

  @Override
  public Region changed(Region r, Fields f) {
    return new Region(
        r.id(),
        f.textOrEmpty("description", r.description()),
        f.text("parent_region_id", r.parentRegionId()),
        f.extra(r.extra(), KNOWN));
  }

  private Reply put(Call call) {
    Policy.admin(call, "create_region");
    Fields f = Fields.of(call.body(), "region");
    return regions.one(201, call, store().create(changed(blank(f, call.path("id")), f)));
  }
}
