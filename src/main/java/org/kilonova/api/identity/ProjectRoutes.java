package org.kilonova.api.identity;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Mount;
import org.kilonova.api.identity.Collection.Access;
import org.kilonova.api.identity.Collection.Filter;
import org.kilonova.identity.Directory;
import org.kilonova.identity.Domain;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Project;

/** Projects, and domains as the projects that they also are. */
final class ProjectRoutes implements Access<ProjectRoutes.Resource> {
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

  private final Directory directory;
  private final DomainRoutes domains;

  ProjectRoutes(Directory directory, DomainRoutes domains) {
    this.directory = directory;
    this.domains = domains;
  }

  void mount(Mount mount) {
    new Collection<Resource>(
            "project",
            "projects",
            this,
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
  }

  /** A project, or a domain as the project that it also is. */
  sealed interface Resource {
    record Plain(Project project) implements Resource {}

    record OfDomain(Domain domain) implements Resource {}

    default ObjectNode document() {
      return switch (this) {
        case Plain p -> Documents.project(p.project());
        case OfDomain d -> Documents.domainAsProject(d.domain());
      };
    }
  }

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
            .orElseGet(() -> DomainRoutes.own(call));
    directory.domains().get(domain);
    if (above.isPresent() && !above.get().domainId().equals(domain)) {
      throw ApiFault.badRequest("The parent project is in another domain.");
    }
    Project blank =
        new Project(
            Ids.next(),
            domain,
            above.map(Project::id).orElse(domain),
            null,
            "",
            true,
            List.of(),
            Map.of());
    return new Resource.Plain(directory.projects().create(changed(blank, f)));
  }

  @Override
  public Resource update(String id, Fields f) {
    if (isDomain(id)) {
      return new Resource.OfDomain(domains.update(id, f));
    }
    return new Resource.Plain(
        directory
            .projects()
            .update(
                id,
                p -> {
                  f.fixed("domain_id", p.domainId());
                  f.fixed("parent_id", p.parentId());
                  return changed(p, f);
                }));
  }

  private static Project changed(Project p, Fields f) {
    return new Project(
        p.id(),
        p.domainId(),
        p.parentId(),
        f.shortName(p.name()),
        f.textOrEmpty("description", p.description()),
        f.bool("enabled", p.enabled()),
        ProjectTagRoutes.check(f.strings("tags", p.tags())),
        f.extra(p.extra(), KNOWN));
  }

  @Override
  public void delete(String id) {
    if (isDomain(id)) {
      domains.delete(id);
    } else {
      directory.projects().delete(id);
    }
  }

  private boolean isDomain(String id) {
    return directory.projects().find(id).isEmpty() && directory.domains().find(id).isPresent();
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
}
