package org.kilonova.api.identity;

import java.util.Map;
import java.util.Set;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Mount;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.api.identity.Collection.Stored;
import org.kilonova.identity.Directory;
import org.kilonova.identity.Domain;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Store;

/** Domains. */
final class DomainRoutes implements Stored<Domain> {
  private static final Set<String> KNOWN =
      Set.of("id", "name", "description", "enabled", "options", "tags", "links");

  private final Directory directory;

  DomainRoutes(Directory directory) {
    this.directory = directory;
  }

  void mount(Mount mount) {
    new Collection<>(
            "domain",
            "domains",
            this,
            Map.of("name", Filter.TEXT, "enabled", Filter.BOOLEAN),
            Documents::domain,
            (call, id) ->
                id.equals(call.caller().userDomainId()) || id.equals(call.caller().domainId()),
            false)
        .mount(mount);
  }

  /** The domain of who asks, where a request names none. */
  static String own(Call call) {
    return call.caller().domainId() != null
        ? call.caller().domainId()
        : call.caller().userDomainId();
  }

  @Override
  public Store<Domain> store() {
    return directory.domains();
  }

  @Override
  public Domain blank(Fields f, Call call) {
    return new Domain(Ids.next(), null, "", true, Map.of());
  }

  @Override
  public Domain changed(Domain d, Fields f) {
    return new Domain(
        d.id(),
        f.shortName(d.name()),
        f.textOrEmpty("description", d.description()),
        f.bool("enabled", d.enabled()),
        f.extra(d.extra(), KNOWN));
  }
}
