package org.kilonova.api.identity;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.identity.ApplicationCredential;
import org.kilonova.identity.AuthToken;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.Catalog;
import org.kilonova.identity.Domain;
import org.kilonova.identity.Endpoint;
import org.kilonova.identity.Group;
import org.kilonova.identity.Project;
import org.kilonova.identity.Region;
import org.kilonova.identity.Role;
import org.kilonova.identity.Service;
import org.kilonova.identity.User;

/** The identity API's documents. Each resource's {@code links} are added by {@link #linked}. */
final class Documents {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'").withZone(ZoneOffset.UTC);

  private Documents() {}

  /** As Keystone's clients parse it: always six digits of a second. */
  static String time(Instant instant) {
    return TIME.format(instant);
  }

  /** As Keystone writes the expiry of an application credential. */
  private static String zoneless(Instant instant) {
    String text = time(instant);
    return text.substring(0, text.length() - 1);
  }

  /** Adds the link to the resource itself. */
  static ObjectNode linked(Call call, String plural, ObjectNode resource) {
    resource
        .putObject("links")
        .put("self", call.serviceUrl() + "/" + plural + "/" + resource.path("id").asText());
    return resource;
  }

  /** A list with its (never paged) links. */
  static ObjectNode list(Call call, String plural, List<ObjectNode> resources) {
    ObjectNode document = Json.object();
    document.putArray(plural).addAll(resources);
    document
        .putObject("links")
        .put("self", call.baseUrl() + call.rawPath())
        .putNull("previous")
        .putNull("next");
    return document;
  }

  static ObjectNode domain(Domain d) {
    ObjectNode node = extra(d.extra());
    node.put("id", d.id()).put("name", d.name()).put("description", d.description());
    node.put("enabled", d.enabled());
    node.putObject("options");
    node.putArray("tags");
    return node;
  }

  static ObjectNode project(Project p) {
    ObjectNode node = extra(p.extra());
    node.put("id", p.id()).put("name", p.name()).put("domain_id", p.domainId());
    node.put("description", p.description()).put("enabled", p.enabled());
    node.put("parent_id", p.parentId()).put("is_domain", false);
    node.set("tags", strings(p.tags()));
    node.putObject("options");
    return node;
  }

  /** A domain as the project that Keystone says it also is. */
  static ObjectNode domainAsProject(Domain d) {
    ObjectNode node = domain(d);
    node.putNull("domain_id").putNull("parent_id").put("is_domain", true);
    return node;
  }

  static ObjectNode user(User u) {
    ObjectNode node = extra(u.extra());
    node.put("id", u.id()).put("name", u.name()).put("domain_id", u.domainId());
    node.put("enabled", u.enabled()).putNull("password_expires_at");
    if (u.defaultProjectId() != null) {
      node.put("default_project_id", u.defaultProjectId());
    }
    node.putObject("options");
    return node;
  }

  static ObjectNode group(Group g) {
    ObjectNode node = extra(g.extra());
    return node.put("id", g.id())
        .put("name", g.name())
        .put("domain_id", g.domainId())
        .put("description", g.description());
  }

  static ObjectNode role(Role r) {
    ObjectNode node = extra(r.extra());
    node.put("id", r.id()).put("name", r.name()).put("domain_id", r.domainId());
    node.put("description", r.description());
    node.putObject("options");
    return node;
  }

  static ObjectNode region(Region r) {
    return extra(r.extra())
        .put("id", r.id())
        .put("description", r.description())
        .put("parent_region_id", r.parentRegionId());
  }

  static ObjectNode service(Service s) {
    ObjectNode node = extra(s.extra());
    node.put("id", s.id()).put("type", s.type()).put("enabled", s.enabled());
    if (s.name() != null) {
      node.put("name", s.name());
    }
    if (s.description() != null) {
      node.put("description", s.description());
    }
    return node;
  }

  static ObjectNode endpoint(Endpoint e) {
    return extra(e.extra())
        .put("id", e.id())
        .put("service_id", e.serviceId())
        .put("interface", e.iface())
        .put("region_id", e.regionId())
        .put("region", e.regionId())
        .put("url", e.url())
        .put("enabled", e.enabled());
  }

  static ObjectNode applicationCredential(ApplicationCredential c, List<Role> roles) {
    ObjectNode node =
        Json.object()
            .put("id", c.id())
            .put("name", c.name())
            .put("description", c.description())
            .put("project_id", c.projectId())
            .put("user_id", c.userId())
            .put("unrestricted", c.unrestricted())
            .put("expires_at", c.expiresAt() == null ? null : zoneless(c.expiresAt()));
    ArrayNode held = node.putArray("roles");
    roles.forEach(
        r -> held.addObject().put("id", r.id()).put("name", r.name()).putNull("domain_id"));
    return node;
  }

  /**
   * A token's body.
   *
   * @param catalog null to leave it out
   */
  static ObjectNode token(
      AuthToken t, List<Catalog.Entry> catalog, ApplicationCredential credential) {
    ObjectNode body = Json.object();
    ObjectNode token = body.putObject("token");
    token.set("methods", strings(t.methods()));
    ObjectNode user = token.putObject("user").put("id", t.user().id());
    user.put("name", t.user().name()).set("domain", ref(t.user().domain()));
    user.putNull("password_expires_at");
    token.set("audit_ids", strings(t.auditIds()));
    token.put("expires_at", time(t.expiresAt())).put("issued_at", time(t.issuedAt()));
    switch (t.scope()) {
      case Scope.ProjectScope p -> {
        token
            .putObject("project")
            .put("id", p.id())
            .put("name", p.name())
            .set("domain", ref(p.domain()));
        token.put("is_domain", false);
      }
      case Scope.DomainScope d -> token.set("domain", ref(d.domain()));
      case Scope.SystemScope s -> token.putObject("system").put("all", true);
      case Scope.Unscoped u -> {
        return body;
      }
    }
    ArrayNode roles = token.putArray("roles");
    t.roles().forEach(role -> roles.add(ref(role)));
    if (catalog != null) {
      token.set("catalog", catalog(catalog));
    }
    if (credential != null) {
      token
          .putObject("application_credential")
          .put("id", credential.id())
          .put("name", credential.name())
          .put("restricted", t.restricted());
    }
    return body;
  }

  static ArrayNode catalog(List<Catalog.Entry> entries) {
    ArrayNode catalog = Json.array();
    for (Catalog.Entry entry : entries) {
      ObjectNode service = catalog.addObject().put("id", entry.service().id());
      service.put("type", entry.service().type()).put("name", entry.service().name());
      ArrayNode endpoints = service.putArray("endpoints");
      for (Endpoint e : entry.endpoints()) {
        endpoints
            .addObject()
            .put("id", e.id())
            .put("interface", e.iface())
            .put("region", e.regionId())
            .put("region_id", e.regionId())
            .put("url", e.url());
      }
    }
    return catalog;
  }

  static ObjectNode ref(Ref ref) {
    return Json.object().put("id", ref.id()).put("name", ref.name());
  }

  static ArrayNode strings(List<String> values) {
    ArrayNode array = Json.array();
    values.forEach(array::add);
    return array;
  }

  private static ObjectNode extra(Map<String, Object> extra) {
    JsonNode node = Json.MAPPER.valueToTree(extra);
    return (ObjectNode) node;
  }
}
