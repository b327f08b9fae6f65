package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.POST;
import static org.kilonova.api.http.Method.PUT;
import static org.kilonova.api.identity.Collection.guarded;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.identity.Collection.Access;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.identity.Catalog;
import org.kilonova.identity.Directory;
import org.kilonova.identity.Domain;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.Endpoint;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Passwords;
import org.kilonova.identity.Project;
import org.kilonova.identity.Region;
import org.kilonova.identity.Service;
import org.kilonova.identity.Store;
import org.kilonova.identity.User;

/** Domains, projects with their tags, users, and the catalog's regions, services and endpoints. */
final class ResourceRoutes {
  private static final Set<String> INTERFACES = Set.of("public", "internal", "admin");
  private static final int TAG_MAX = 255;
  private static final int TAGS_MAX = 80;

  private final Directory directory;
  private final Catalog catalog;
  private final Passwords passwords;
  private final Collection<User> users;

  ResourceRoutes(EmbeddedIdentity identity) {
    this.directory = identity.directory();
    this.catalog = identity.catalog();
    this.passwords = identity.passwords();
    this.users =
        new Collection<>(
            "user",
            "users",
            new Users(),
            Map.of("name", Filter.TEXT, "domain_id", Filter.TEXT, "enabled", Filter.BOOLEAN),
            Documents::user,
            (call, id) -> id.equals(call.caller().userId()),
            false);
  }

  void mount(Mount mount) {
    new Collection<>(
            "domain",
            "domains",
            new Domains(),
            Map.of("name", Filter.TEXT, "enabled", Filter.BOOLEAN),
            Documents::domain,
            (call, id) ->
                id.equals(call.caller().userDomainId()) || id.equals(call.caller().domainId()),
            false)
        .mount(mount);
    new Collection<Resource>(
            "project",
            "projects",
            new Projects(),
            Map.of(
                "name",
                Filter.TEXT,
                "domain_id",
                Filter.TEXT,
                "parent_id",
                Filter.TEXT,
                "enabled",
                Filter.BOOLEAN,
                "is_domain",
                Filter.BOOLEAN),
            Resource::document,
            (call, id) -> id.equals(call.caller().projectId()),
            false)
        .mount(mount);
    users.mount(mount);
    new Collection<>(
            "region",
            "regions",
            new Regions(),
            Map.of("parent_region_id", Filter.TEXT),
            Documents::region,
            (call, id) -> true,
            true)
        .mount(mount);
    new Collection<>(
            "service",
            "services",
            new Services(),
            Map.of("type", Filter.TEXT, "name", Filter.TEXT),
            Documents::service,
            (call, id) -> false,
            false)
        .mount(mount);
    new Collection<>(
            "endpoint",
            "endpoints",
            new Endpoints(),
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
    mount
        .route(PUT, "/regions/{id}")
        .token()
        .json()
        .to(guarded(this::putRegion))
        .route(POST, "/users/{id}/password")
        .open()
        .json()
        .to(guarded(this::changePassword))
        .route(GET, "/users/{id}/projects")
        .to(guarded(this::projectsOf))
        .route(GET, "/projects/{id}/tags")
        .to(guarded(this::tags))
        .route(PUT, "/projects/{id}/tags")
        .token()
        .json()
        .to(guarded(this::setTags))
        .route(DELETE, "/projects/{id}/tags")
        .token()
        .to(guarded(this::clearTags))
        .route(GET, "/projects/{id}/tags/{tag}")
        .to(guarded(this::hasTag))
        .route(PUT, "/projects/{id}/tags/{tag}")
        .token()
        .to(guarded(this::addTag))
        .route(DELETE, "/projects/{id}/tags/{tag}")
        .token()
        .to(guarded(this::removeTag));
  }

  // ---- domains and projects

  private final class Domains implements Access<Domain> {
    private static final Set<String> KNOWN =
        Set.of("id", "name", "description", "enabled", "options", "tags", "links");

    @Override
    public List<Domain> list(Map<String, Object> filter, Call call) {
      return directory.domains().list(filter);
    }

    @Override
    public Domain get(String id) {
      return directory.domains().get(id);
    }

    @Override
    public Domain create(Fields f, Call call) {
      return directory
          .domains()
          .create(
              new Domain(
                  Ids.next(),
                  f.shortName(null),
                  f.textOrEmpty("description", ""),
                  f.bool("enabled", true),
                  f.extra(Map.of(), KNOWN)));
    }

    @Override
    public Domain update(String id, Fields f) {
      return directory
          .domains()
          .update(
              id,
              d ->
                  new Domain(
                      d.id(),
                      f.shortName(d.name()),
                      f.textOrEmpty("description", d.description()),
                      f.bool("enabled", d.enabled()),
                      f.extra(d.extra(), KNOWN)));
    }

    @Override
    public void delete(String id) {
      directory.domains().delete(id);
    }
  }

  /** A project, or a domain as the project that it also is. */
  private sealed interface Resource {
    record Plain(Project project) implements Resource {}

    record OfDomain(Domain domain) implements Resource {}

    default ObjectNode document() {
      return switch (this) {
        case Plain p -> Documents.project(p.project());
        case OfDomain d -> Documents.domainAsProject(d.domain());
      };
    }
  }

  private final class Projects implements Access<Resource> {
    private static final Set<String> KNOWN =
        Set.of(
            "id",
            "name",
            "description",
            "enabled",
            "domain_id",
            "parent_id",
            "is_domain",
            "tags",
            "options",
            "links");
    private final Domains domains = new Domains();

    @Override
    public List<Resource> list(Map<String, Object> filter, Call call) {
      if (Boolean.TRUE.equals(filter.remove("is_domain"))) {
        filter.keySet().retainAll(Set.of("name", "enabled"));
        return directory.domains().list(filter).stream()
            .<Resource>map(Resource.OfDomain::new)
            .toList();
      }
      Object parent = filter.get("parent_id");
      if (parent != null && directory.domains().find((String) parent).isPresent()) {
        // directly below a domain: the column is empty
        filter.remove("parent_id");
        filter.put("domain_id", parent);
        return directory.projects().list(filter).stream()
            .filter(p -> p.parentId().equals(parent))
            .<Resource>map(Resource.Plain::new)
            .toList();
      }
      return directory.projects().list(filter).stream()
          .filter(p -> TagFilter.of(call).matches(p.tags()))
          .<Resource>map(Resource.Plain::new)
          .toList();
    }

    @Override
    public Resource get(String id) {
      return directory
          .projects()
          .find(id)
          .<Resource>map(Resource.Plain::new)
          .or(() -> directory.domains().find(id).map(Resource.OfDomain::new))
          .orElseThrow(() -> IdentityException.notFound("project", id));
    }

    @Override
    public Resource create(Fields f, Call call) {
      if (f.bool("is_domain", false)) {
        return new Resource.OfDomain(domains.create(f, call));
      }
      String parent = f.text("parent_id", null);
      Optional<Project> above =
          Optional.ofNullable(parent).flatMap(id -> directory.projects().find(id));
      if (parent != null && above.isEmpty() && directory.domains().find(parent).isEmpty()) {
        throw ApiFault.badRequest("Could not find parent project: " + parent + ".");
      }
      String domain =
          Optional.ofNullable(f.text("domain_id", null))
              .or(() -> above.map(Project::domainId))
              .or(() -> Optional.ofNullable(parent))
              .orElseGet(() -> ownDomain(call));
      directory.domains().get(domain);
      if (above.isPresent() && !above.get().domainId().equals(domain)) {
        throw ApiFault.badRequest("The parent project is in another domain.");
      }
      return new Resource.Plain(
          directory
              .projects()
              .create(
                  new Project(
                      Ids.next(),
                      domain,
                      above.map(Project::id).orElse(domain),
                      f.shortName(null),
                      f.textOrEmpty("description", ""),
                      f.bool("enabled", true),
                      checkTags(f.strings("tags", List.of())),
                      f.extra(Map.of(), KNOWN))));
    }

    @Override
    public Resource update(String id, Fields f) {
      if (directory.projects().find(id).isEmpty() && directory.domains().find(id).isPresent()) {
        return new Resource.OfDomain(domains.update(id, f));
      }
      return new Resource.Plain(
          directory
              .projects()
              .update(
                  id,
                  p ->
                      new Project(
                          p.id(),
                          f.fixed("domain_id", p.domainId()),
                          f.fixed("parent_id", p.parentId()),
                          f.shortName(p.name()),
                          f.textOrEmpty("description", p.description()),
                          f.bool("enabled", p.enabled()),
                          checkTags(f.strings("tags", p.tags())),
                          f.extra(p.extra(), KNOWN))));
    }

    @Override
    public void delete(String id) {
      if (directory.projects().find(id).isEmpty() && directory.domains().find(id).isPresent()) {
        domains.delete(id);
      } else {
        directory.projects().delete(id);
      }
    }
  }

  /** The domain of who asks, where a request names none. */
  private static String ownDomain(Call call) {
    return call.caller().domainId() != null
        ? call.caller().domainId()
        : call.caller().userDomainId();
  }

  /** Keystone's four ways to ask for tags, each with a list separated by commas. */
  private record TagFilter(
      List<String> all, List<String> any, List<String> notAll, List<String> notAny) {
    static TagFilter of(Call call) {
      return new TagFilter(
          list(call, "tags"),
          list(call, "tags-any"),
          list(call, "not-tags"),
          list(call, "not-tags-any"));
    }

    private static List<String> list(Call call, String name) {
      return call.query(name).map(text -> Arrays.asList(text.split(","))).orElse(List.of());
    }

    boolean matches(List<String> tags) {
      return tags.containsAll(all)
          && (any.isEmpty() || any.stream().anyMatch(tags::contains))
          && (notAll.isEmpty() || !tags.containsAll(notAll))
          && notAny.stream().noneMatch(tags::contains);
    }
  }

  private static List<String> checkTags(List<String> tags) {
    for (String tag : tags) {
      if (tag.isEmpty() || tag.length() > TAG_MAX || tag.contains("/") || tag.contains(",")) {
        throw ApiFault.badRequest("Invalid input for field 'tags': '" + tag + "' is not a tag");
      }
    }
    if (tags.size() > TAGS_MAX) {
      throw ApiFault.badRequest("Invalid input for field 'tags': more than " + TAGS_MAX);
    }
    return tags.stream().distinct().toList();
  }

  private Project ownProject(Call call, String action) {
    String id = call.path("id");
    Policy.readerOr(call, id.equals(call.caller().projectId()), action);
    return directory.projects().get(id);
  }

  private Reply tags(Call call) {
    return tags(call, ownProject(call, "list_project_tags"));
  }

  private static Reply tags(Call call, Project project) {
    ObjectNode document = Json.object();
    document.set("tags", Documents.strings(project.tags()));
    document.putObject("links").put("self", call.baseUrl() + call.rawPath());
    return Reply.json(200, document);
  }

  private Reply setTags(Call call) {
    Policy.admin(call, "update_project_tags");
    List<String> wanted = checkTags(Fields.strings(call.body().path("tags"), "tags"));
    return tags(call, directory.projects().update(call.path("id"), p -> p.withTags(wanted)));
  }

  private Reply clearTags(Call call) {
    Policy.admin(call, "delete_project_tags");
    directory.projects().update(call.path("id"), p -> p.withTags(List.of()));
    return Reply.empty(204);
  }

  private Reply hasTag(Call call) {
    requireTag(ownProject(call, "get_project_tag"), call.path("tag"));
    return Reply.empty(204);
  }

  private Reply addTag(Call call) {
    Policy.admin(call, "create_project_tag");
    directory
        .projects()
        .update(
            call.path("id"),
            p -> {
              List<String> more = new ArrayList<>(p.tags());
              more.add(call.path("tag"));
              return p.withTags(checkTags(more));
            });
    return Reply.empty(201).header("Location", call.baseUrl() + call.rawPath());
  }

  private Reply removeTag(Call call) {
    Policy.admin(call, "delete_project_tag");
    directory
        .projects()
        .update(
            call.path("id"),
            p -> {
              requireTag(p, call.path("tag"));
              return p.withTags(
                  p.tags().stream().filter(tag -> !tag.equals(call.path("tag"))).toList());
            });
    return Reply.empty(204);
  }

  private static void requireTag(Project project, String tag) {
    if (!project.tags().contains(tag)) {
      throw IdentityException.notFound("project tag", tag);
    }
  }

  // ---- users

  private final class Users implements Access<User> {
    private static final Set<String> KNOWN =
        Set.of(
            "id",
            "name",
            "domain_id",
            "enabled",
            "default_project_id",
            "password",
            "password_expires_at",
            "options",
            "links");

    @Override
    public List<User> list(Map<String, Object> filter, Call call) {
      return directory.users().list(filter);
    }

    @Override
    public User get(String id) {
      return directory.users().get(id);
    }

    @Override
    public User create(Fields f, Call call) {
      String domain =
          Optional.ofNullable(f.text("domain_id", null)).orElseGet(() -> ownDomain(call));
      directory.domains().get(domain);
      String password = f.text("password", null);
      User user =
          new User(
              Ids.next(),
              domain,
              f.name(null),
              f.bool("enabled", true),
              f.text("default_project_id", null),
              f.extra(Map.of(), KNOWN));
      return directory.createUser(user, password == null ? null : passwords.hash(password));
    }

    @Override
    public User update(String id, Fields f) {
      String password = f.text("password", null);
      User user =
          directory
              .users()
              .update(
                  id,
                  u ->
                      new User(
                          u.id(),
                          f.fixed("domain_id", u.domainId()),
                          f.name(u.name()),
                          f.bool("enabled", u.enabled()),
                          f.text("default_project_id", u.defaultProjectId()),
                          f.extra(u.extra(), KNOWN)));
      if (f.has("password")) {
        directory.setPasswordHash(id, password == null ? null : passwords.hash(password));
      }
      return user;
    }

    @Override
    public void delete(String id) {
      directory.users().delete(id);
    }
  }

  /** The old password is the proof, as in Keystone: also who has no valid token may do it. */
  private Reply changePassword(Call call) {
    Fields fields = Fields.of(call.body(), "user");
    String id = call.path("id");
    String original = fields.required("original_password", null);
    String password = fields.required("password", null);
    if (!passwords.matches(original, directory.passwordHash(id).orElse(null))) {
      throw ApiFault.unauthorized();
    }
    directory.setPasswordHash(id, passwords.hash(password));
    return Reply.empty(204);
  }

  private Reply projectsOf(Call call) {
    String id = call.path("id");
    Policy.readerOr(call, id.equals(call.caller().userId()), "list_user_projects");
    directory.users().get(id);
    return Reply.json(
        200,
        Documents.list(
            call,
            "projects",
            directory.projectsOf(id).stream()
                .map(p -> Documents.linked(call, "projects", Documents.project(p)))
                .toList()));
  }

  // ---- the catalog

  private final class Regions implements Access<Region> {
    private static final Set<String> KNOWN =
        Set.of("id", "description", "parent_region_id", "links");

    @Override
    public List<Region> list(Map<String, Object> filter, Call call) {
      return directory.regions().list(filter);
    }

    @Override
    public Region get(String id) {
      return directory.regions().get(id);
    }

    @Override
    public Region create(Fields f, Call call) {
      return create(Optional.ofNullable(f.text("id", null)).orElseGet(Ids::next), f);
    }

    Region create(String id, Fields f) {
      String parent = f.text("parent_region_id", null);
      if (parent != null) {
        directory.regions().get(parent);
      }
      return directory
          .regions()
          .create(
              new Region(id, f.textOrEmpty("description", ""), parent, f.extra(Map.of(), KNOWN)));
    }

    @Override
    public Region update(String id, Fields f) {
      return directory
          .regions()
          .update(
              id,
              r ->
                  new Region(
                      r.id(),
                      f.textOrEmpty("description", r.description()),
                      f.text("parent_region_id", r.parentRegionId()),
                      f.extra(r.extra(), KNOWN)));
    }

    @Override
    public void delete(String id) {
      directory.regions().delete(id);
    }
  }

  private Reply putRegion(Call call) {
    Policy.admin(call, "create_region");
    Region region = new Regions().create(call.path("id"), Fields.of(call.body(), "region"));
    ObjectNode document = Json.object();
    document.set("region", Documents.linked(call, "regions", Documents.region(region)));
    return Reply.json(201, document);
  }

  private static ApiFault builtIn(String what) {
    return ApiFault.forbidden(
        "This " + what + " is part of the cloud itself; only its configuration can change it.");
  }

  private final class Services implements Access<Service> {
    private static final Set<String> KNOWN =
        Set.of("id", "type", "name", "description", "enabled", "links");

    private Store<Service> added(String id) {
      if (catalog.builtInService(id).isPresent()) {
        throw builtIn("service");
      }
      return directory.services();
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
      return catalog.builtInService(id).orElseGet(() -> directory.services().get(id));
    }

    @Override
    public Service create(Fields f, Call call) {
      return directory
          .services()
          .create(
              new Service(
                  Ids.next(),
                  f.required("type", null),
                  f.text("name", null),
                  f.text("description", null),
                  f.bool("enabled", true),
                  f.extra(Map.of(), KNOWN)));
    }

    @Override
    public Service update(String id, Fields f) {
      return added(id)
          .update(
              id,
              s ->
                  new Service(
                      s.id(),
                      f.required("type", s.type()),
                      f.text("name", s.name()),
                      f.text("description", s.description()),
                      f.bool("enabled", s.enabled()),
                      f.extra(s.extra(), KNOWN)));
    }

    @Override
    public void delete(String id) {
      added(id).delete(id);
    }
  }

  private final class Endpoints implements Access<Endpoint> {
    private static final Set<String> KNOWN =
        Set.of("id", "service_id", "interface", "region", "region_id", "url", "enabled", "links");

    private Store<Endpoint> added(String id) {
      if (catalog.builtInEndpoint(id).isPresent()) {
        throw builtIn("endpoint");
      }
      return directory.endpoints();
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
      return catalog.builtInEndpoint(id).orElseGet(() -> directory.endpoints().get(id));
    }

    @Override
    public Endpoint create(Fields f, Call call) {
      String region = region(f, null);
      return directory
          .endpoints()
          .create(
              checked(
                  new Endpoint(
                      Ids.next(),
                      f.required("service_id", null),
                      f.required("interface", null),
                      region,
                      f.required("url", null),
                      f.bool("enabled", true),
                      f.extra(Map.of(), KNOWN))));
    }

    @Override
    public Endpoint update(String id, Fields f) {
      Store<Endpoint> store = added(id);
      String region = region(f, store.get(id).regionId());
      return store.update(
          id,
          e ->
              checked(
                  new Endpoint(
                      e.id(),
                      f.required("service_id", e.serviceId()),
                      f.required("interface", e.iface()),
                      region,
                      f.required("url", e.url()),
                      f.bool("enabled", e.enabled()),
                      f.extra(e.extra(), KNOWN))));
    }

    /** Keystone's older name of {@code region_id} makes a region that is not there yet. */
    private String region(Fields f, String before) {
      String legacy = f.text("region", before);
      if (legacy != null && directory.regions().find(legacy).isEmpty()) {
        directory.regions().create(new Region(legacy, "", null, Map.of()));
      }
      return f.text("region_id", legacy);
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

    @Override
    public void delete(String id) {
      added(id).delete(id);
    }
  }
}
