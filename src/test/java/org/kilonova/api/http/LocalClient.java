package org.kilonova.api.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.kilonova.identity.Caller;
import org.kilonova.kernel.Clock;

/** Calls a service without a socket: through all of the front door but the door itself. */
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
    TestRequest request = new TestRequest(method.name(), pathAndQuery);
    return send(body == null ? request : request.json(body));
  }

  /** With a body of any type, or with none if the type is null. */
  public Answer send(Method method, String pathAndQuery, String contentType, byte[] body) {
    TestRequest request = new TestRequest(method.name(), pathAndQuery);
    return send(contentType == null ? request : request.body(contentType, body));
  }

  private Answer send(TestRequest request) {
    request.header("Host", "cloud");
    if (caller != null) {
      request.header("X-Auth-Token", caller.userId());
    }
    if (microversion != null) {
      request.header("OpenStack-API-Version", service.microversions().type() + " " + microversion);
    }
    Dispatcher dispatcher =
        new Dispatcher(
            List.of(service),
            token -> Optional.of(caller),
            "http://cloud",
            1 << 20,
            () -> true,
            Vitals.NONE,
            Clock.system());
    Reply reply = dispatcher.answer(request);
    try {
      return new Answer(
          reply.status(),
          reply.bytes() == null ? Json.MAPPER.missingNode() : Json.parse(reply.bytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
