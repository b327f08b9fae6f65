package org.kilonova.api.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.kilonova.catalog.CatalogException;
import org.kilonova.identity.Caller;

/**
 * Calls the routes of a service without a socket and without tokens: what lies between the route
 * table and the handler (versions, access, schemas) is done as the server does it.
 */
public final class LocalClient {
  private final Service service;
  private final Caller caller;
  private final String microversion;

  private LocalClient(Service service, Caller caller, String microversion) {
    this.service = service;
    this.caller = caller;
    this.microversion = microversion;
  }

  /** A client without a token. */
  public static LocalClient of(Service service) {
    return new LocalClient(service, null, null);
  }

  /** The same with the token of a user of a project. */
  public LocalClient as(String user, String project, String... roles) {
    return new LocalClient(
        service,
        new Caller(user, user, "default", project, project, null, false, Set.of(roles)),
        microversion);
  }

  /** The same with another microversion. */
  public LocalClient at(String version) {
    return new LocalClient(service, caller, version);
  }

  /** An answer. */
  public record Answer(int status, JsonNode body) {
    public Answer expect(int expected) {
      assertThat(status).as("status of %s", body).isEqualTo(expected);
      return this;
    }

    /** The value at a JSON pointer. */
    public JsonNode at(String pointer) {
      return body.at(pointer);
    }

    /** A fault's message. */
    public String message() {
      return body.elements().next().path("message").asText();
    }
  }

  public Answer get(String path) {
    return send(Method.GET, path, null);
  }

  public Answer delete(String path) {
    return send(Method.DELETE, path, null);
  }

  /** With a body in JSON, where single quotes do. */
  public Answer post(String path, String body) {
    return send(Method.POST, path, body);
  }

  public Answer put(String path, String body) {
    return send(Method.PUT, path, body);
  }

  private Answer send(Method method, String pathAndQuery, String body) {
    try {
      Reply reply = answer(method, pathAndQuery, body);
      return new Answer(
          reply.status(),
          reply.bytes() == null ? Json.MAPPER.missingNode() : Json.parse(reply.bytes()));
    } catch (ApiFault e) {
      return fault(e);
    } catch (CatalogException e) {
      return fault(ApiFault.of(e));
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private Answer fault(ApiFault fault) {
    return new Answer(
        fault.status(), service.faults().body(fault.status(), fault.getMessage(), null));
  }

  private Reply answer(Method method, String pathAndQuery, String text) throws Exception {
    String path = pathAndQuery.split("\\?", 2)[0];
    List<String> segments = Paths.split(path);
    assertThat(segments.get(0)).isEqualTo(service.prefix());
    Service.Target target = service.find(segments.subList(1, segments.size()));
    if (target == null || target.found() == null) {
      throw ApiFault.notFound("The resource could not be found.");
    }
    boolean legacy = target.mount().isLegacy();
    Microversion version =
        legacy
            ? service.microversions().min()
            : service
                .microversions()
                .negotiate(
                    name ->
                        name.equals("OpenStack-API-Version") && microversion != null
                            ? Optional.of(service.microversions().type() + " " + microversion)
                            : Optional.empty());
    Route route =
        target.found().routes().stream()
            .filter(r -> r.method() == method && r.covers(version))
            .findFirst()
            .orElseThrow(() -> ApiFault.notFound("The resource could not be found."));
    authorize(route);
    JsonNode body = Json.MAPPER.missingNode();
    if (route.body() == Route.Body.JSON) {
      body = json(text);
      check(route, body, version, legacy);
    }
    String base = "http://cloud";
    return route
        .handler()
        .handle(
            new Call(
                method,
                path,
                Mount.variables(route, target.found().segments()),
                query(pathAndQuery),
                name -> Optional.empty(),
                caller,
                version,
                legacy,
                "req-" + UUID.randomUUID(),
                base,
                base + "/" + service.prefix() + "/" + target.mount().path(),
                body,
                () -> {
                  throw new UnsupportedOperationException();
                },
                "application/json"));
  }

  private void authorize(Route route) {
    if (route.access() != Route.Access.OPEN && caller == null) {
      throw ApiFault.unauthorized();
    }
    if ((route.access() == Route.Access.MEMBER && !caller.isMember())
        || (route.access() == Route.Access.ADMIN && !caller.isAdmin())) {
      throw ApiFault.forbidden("Policy doesn't allow it.");
    }
  }

  private static void check(Route route, JsonNode body, Microversion version, boolean legacy) {
    if (route.schema() != null) {
      Schema schema = route.schema().apply(legacy ? Microversion.LEGACY : version);
      if (schema != null) {
        if (legacy) {
          schema.dropUnknownKeys(body);
        }
        schema
            .complaint(body)
            .ifPresent(
                complaint -> {
                  throw ApiFault.badRequest(complaint);
                });
      }
    }
  }

  private static JsonNode json(String text) throws IOException {
    return Json.parse(text.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
  }

  private static Map<String, List<String>> query(String pathAndQuery) {
    Map<String, List<String>> query = new LinkedHashMap<>();
    if (pathAndQuery.contains("?")) {
      for (String pair : pathAndQuery.split("\\?", 2)[1].split("&")) {
        String[] words = pair.split("=", 2);
        query
            .computeIfAbsent(words[0], k -> new ArrayList<>())
            .add(words.length == 1 ? "" : words[1]);
      }
    }
    return query;
  }
}
