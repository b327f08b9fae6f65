package org.kilonova.api.identity;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.kilonova.api.http.ApiFault;
import org.kilonova.identity.AuthRequest;
import org.kilonova.identity.AuthRequest.DomainSelector;
import org.kilonova.identity.AuthRequest.Method;
import org.kilonova.identity.AuthRequest.ScopeRequest;
import org.kilonova.identity.AuthRequest.UserSelector;

/** Reads the body of {@code POST /v3/auth/tokens}. */
final class AuthRequests {
  private AuthRequests() {}

  /**
   * What is asked for.
   *
   * @throws ApiFault 400 with Keystone's "Expecting to find" if something is missing, 401 for a
   *     method that there is not
   */
  static AuthRequest read(JsonNode body) {
    JsonNode auth = child(body, "auth", "request body");
    JsonNode identity = child(auth, "identity", "auth");
    JsonNode names = identity.path("methods");
    if (!names.isArray()) {
      throw expecting("methods", "identity");
    }
    List<Method> methods = new ArrayList<>();
    for (JsonNode name : names) {
      methods.add(
          switch (name.asText()) {
            case "password" -> password(child(identity, "password", "identity"));
            case "token" ->
                new Method.Token(text(child(identity, "token", "identity"), "id", "token"));
            case "application_credential" ->
                credential(child(identity, "application_credential", "identity"));
            default -> throw ApiFault.unauthorized();
          });
    }
    return new AuthRequest(methods, scope(auth.path("scope")));
  }

  private static Method password(JsonNode password) {
    JsonNode user = child(password, "user", "password");
    return new Method.Password(user(user), text(user, "password", "user"));
  }

  private static Method credential(JsonNode credential) {
    String secret = text(credential, "secret", "application_credential");
    return credential.hasNonNull("id")
        ? new Method.AppCredential(
            text(credential, "id", "application_credential"), null, null, secret)
        : new Method.AppCredential(
            null,
            text(credential, "name", "application_credential"),
            user(child(credential, "user", "application_credential")),
            secret);
  }

  private static UserSelector user(JsonNode user) {
    return user.hasNonNull("id")
        ? new UserSelector(text(user, "id", "user"), null, null)
        : new UserSelector(null, text(user, "name", "user"), domain(child(user, "domain", "user")));
  }

  private static DomainSelector domain(JsonNode domain) {
    return domain.hasNonNull("id")
        ? new DomainSelector(text(domain, "id", "domain"), null)
        : new DomainSelector(null, text(domain, "name", "domain"));
  }

  private static ScopeRequest scope(JsonNode scope) {
    if (scope.isMissingNode() || scope.isNull()) {
      return new ScopeRequest.Unspecified();
    }
    if (scope.has("unscoped") || scope.asText().equals("unscoped")) {
      return new ScopeRequest.Unscoped();
    }
    if (scope.has("project")) {
      JsonNode project = child(scope, "project", "scope");
      return project.hasNonNull("id")
          ? new ScopeRequest.Project(text(project, "id", "project"), null, null)
          : new ScopeRequest.Project(
              null, text(project, "name", "project"), domain(child(project, "domain", "project")));
    }
    if (scope.has("domain")) {
      return new ScopeRequest.Domain(domain(child(scope, "domain", "scope")));
    }
    if (scope.path("system").path("all").asBoolean()) {
      return new ScopeRequest.System();
    }
    throw ApiFault.badRequest("Invalid input for field 'scope': it names nothing that is known.");
  }

  private static JsonNode child(JsonNode parent, String name, String parentName) {
    JsonNode child = parent.path(name);
    if (!child.isObject()) {
      throw expecting(name, parentName);
    }
    return child;
  }

  private static String text(JsonNode parent, String name, String parentName) {
    JsonNode child = parent.path(name);
    if (!child.isTextual()) {
      throw expecting(name, parentName);
    }
    return child.textValue();
  }

  private static ApiFault expecting(String name, String parent) {
    return ApiFault.badRequest(
        "Expecting to find "
            + name
            + " in "
            + parent
            + ". The server could not comply with the request since it is either malformed or"
            + " otherwise incorrect. The client is assumed to be in error.");
  }
}
