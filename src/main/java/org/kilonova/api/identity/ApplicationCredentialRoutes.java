package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.POST;
import static org.kilonova.api.identity.Collection.guarded;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.identity.ApplicationCredential;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthToken;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.Directory;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.IdentityException;
import org.kilonova.identity.Ids;
import org.kilonova.identity.Passwords;
import org.kilonova.identity.Role;
import org.kilonova.identity.Tokens;

/** A user's application credentials, which only the user manages. */
final class ApplicationCredentialRoutes {
  private static final int SECRET_BYTES = 48;

  private final Directory directory;
  private final Tokens tokens;
  private final Passwords passwords;
  private final InstantSource clock;

  ApplicationCredentialRoutes(EmbeddedIdentity identity, InstantSource clock) {
    this.directory = identity.directory();
    this.tokens = identity.tokens();
    this.passwords = identity.passwords();
    this.clock = clock;
  }

  void mount(Mount mount) {
    String all = "/users/{user}/application_credentials";
    mount
        .route(GET, all)
        .to(guarded(this::list))
        .route(POST, all)
        .token()
        .json()
        .to(guarded(this::create))
        .route(GET, all + "/{id}")
        .to(guarded(this::show))
        .route(DELETE, all + "/{id}")
        .token()
        .to(guarded(this::delete));
  }

  private static boolean isOwn(Call call) {
    return call.path("user").equals(call.caller().userId());
  }

  private Reply list(Call call) {
    Policy.readerOr(call, isOwn(call), "list_application_credentials");
    String user = call.path("user");
    directory.users().get(user);
    return Reply.json(
        200,
        Documents.list(
            call,
            "application_credentials",
            directory.applicationCredentials(user, call.query("name").orElse(null)).stream()
                .map(c -> document(call, c))
                .toList()));
  }

  private Reply show(Call call) {
    Policy.readerOr(call, isOwn(call), "get_application_credential");
    ObjectNode body = Json.object();
    body.set("application_credential", document(call, find(call)));
    return Reply.json(200, body);
  }

  private ApplicationCredential find(Call call) {
    String id = call.path("id");
    return directory
        .applicationCredential(id)
        .filter(c -> c.userId().equals(call.path("user")))
        .orElseThrow(() -> IdentityException.notFound("Application Credential", id));
  }

  private Reply create(Call call) {
    AuthToken token =
        call.header("X-Auth-Token").flatMap(tokens::validate).orElseThrow(ApiFault::unauthorized);
    Scope.ProjectScope project = token.project().orElse(null);
    if (!isOwn(call) || project == null) {
      throw Policy.denied("create_application_credential");
    }
    refuseRestricted(token);
    Fields f = Fields.of(call.body(), "application_credential");
    if (!f.raw("access_rules").isEmpty()) {
      throw ApiFault.notImplemented("Access rules are not supported.");
    }
    String secret =
        Optional.ofNullable(f.text("secret", null)).orElseGet(() -> Ids.secret(SECRET_BYTES));
    ApplicationCredential credential =
        new ApplicationCredential(
            Ids.next(),
            token.user().id(),
            project.id(),
            f.name(null),
            f.text("description", null),
            roles(f.raw("roles"), token, project),
            expiry(f.text("expires_at", null)),
            f.bool("unrestricted", false));
    directory.createApplicationCredential(credential, passwords.hash(secret));
    ObjectNode body = Json.object();
    // the one and only time that it is shown
    body.set("application_credential", document(call, credential).put("secret", secret));
    return Reply.json(201, body);
  }

  private static void refuseRestricted(AuthToken token) {
    if (token.restricted()) {
      throw Policy.denied("manage_application_credentials with a restricted one");
    }
  }

  /**
   * Those asked for, of those that the user has; the token's if none is asked for. What was made
   * from a credential does not get more than it.
   */
  private List<String> roles(JsonNode wanted, AuthToken token, Scope.ProjectScope project) {
    if (wanted.isEmpty()) {
      return token.roles().stream().map(Ref::id).toList();
    }
    List<Ref> held =
        token.applicationCredentialId() != null
            ? token.roles()
            : directory.effectiveRoles(token.user().id(), Target.project(project.id()));
    List<String> ids = new ArrayList<>();
    for (JsonNode role : wanted) {
      String asked = role.path("id").asText(role.path("name").asText());
      ids.add(
          held.stream()
              .filter(r -> role.has("id") ? r.id().equals(asked) : r.name().equals(asked))
              .findFirst()
              .orElseThrow(
                  () ->
                      ApiFault.badRequest(
                          "Invalid application credential: Could not find role assignment with"
                              + " role: "
                              + asked
                              + "."))
              .id());
    }
    return ids;
  }

  private Instant expiry(String text) {
    if (text == null) {
      return null;
    }
    try {
      Instant expires = Instant.parse(text.endsWith("Z") ? text : text + "Z");
      if (expires.isAfter(clock.instant())) {
        return expires;
      }
    } catch (DateTimeException e) {
      throw ApiFault.badRequest("Invalid input for field 'expires_at': it is not a time.");
    }
    throw ApiFault.badRequest("Invalid input for field 'expires_at': it is in the past.");
  }

  private Reply delete(Call call) {
    AuthToken token =
        call.header("X-Auth-Token").flatMap(tokens::validate).orElseThrow(ApiFault::unauthorized);
    Policy.adminOr(call, isOwn(call), "delete_application_credential");
    refuseRestricted(token);
    directory.deleteApplicationCredential(find(call).id());
    return Reply.empty(204);
  }

  private ObjectNode document(Call call, ApplicationCredential credential) {
    List<Role> roles =
        credential.roleIds().stream().flatMap(id -> directory.roles().find(id).stream()).toList();
    return Documents.linked(
        call,
        "users/" + credential.userId() + "/application_credentials",
        Documents.applicationCredential(credential, roles));
  }
}
