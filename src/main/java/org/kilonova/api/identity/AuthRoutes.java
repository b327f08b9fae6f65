package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.POST;
import static org.kilonova.api.identity.Collection.guarded;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.identity.ApplicationCredential;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthToken;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.Catalog;
import org.kilonova.identity.Directory;
import org.kilonova.identity.EmbeddedIdentity;
import org.kilonova.identity.Tokens;

/** {@code /auth}: tokens, and what one can do with one's own. */
final class AuthRoutes {
  private final Tokens tokens;
  private final Directory directory;
  private final Catalog catalog;

  AuthRoutes(EmbeddedIdentity identity) {
    this.tokens = identity.tokens();
    this.directory = identity.directory();
    this.catalog = identity.catalog();
  }

  void mount(Mount mount) {
    mount
        .route(POST, "/auth/tokens")
        .open()
        .json()
        .to(guarded(this::issue))
        .route(GET, "/auth/tokens")
        .to(guarded(this::show))
        .route(DELETE, "/auth/tokens")
        .token()
        .to(guarded(this::revoke))
        .route(GET, "/auth/catalog")
        .to(guarded(this::showCatalog))
        .route(GET, "/auth/projects")
        .to(guarded(this::projects))
        .route(GET, "/auth/domains")
        .to(guarded(this::domains))
        .route(GET, "/auth/system")
        .to(guarded(this::system));
  }

  private Reply issue(Call call) {
    Tokens.Issued issued = tokens.issue(AuthRequests.read(call.body()));
    return Reply.json(201, document(call, issued.token())).header("X-Subject-Token", issued.text());
  }

  private Reply show(Call call) {
    String text = subject(call);
    AuthToken token = valid(text);
    Policy.readerOr(
        call,
        token.user().id().equals(call.caller().userId())
            || call.caller().roles().contains("service"),
        "validate_token");
    return Reply.json(200, document(call, token)).header("X-Subject-Token", text);
  }

  private Reply revoke(Call call) {
    AuthToken token = valid(subject(call));
    Policy.adminOr(call, token.user().id().equals(call.caller().userId()), "revoke_token");
    tokens.revoke(token);
    return Reply.empty(204);
  }

  private static String subject(Call call) {
    return call.header("X-Subject-Token")
        .orElseThrow(() -> ApiFault.badRequest("The X-Subject-Token header is missing."));
  }

  private AuthToken valid(String text) {
    return tokens
        .validate(text)
        .orElseThrow(
            () ->
                ApiFault.notFound("This is not a recognized token, or it is not valid any more."));
  }

  private ObjectNode document(Call call, AuthToken token) {
    ApplicationCredential credential =
        token.applicationCredentialId() == null
            ? null
            : directory.applicationCredential(token.applicationCredentialId()).orElse(null);
    boolean wanted = call.query("nocatalog").isEmpty();
    return Documents.token(token, wanted ? entries(token) : null, credential);
  }

  private List<Catalog.Entry> entries(AuthToken token) {
    return catalog.entries(token.project().map(Scope.ProjectScope::id).orElse(null));
  }

  private AuthToken own(Call call) {
    return call.header("X-Auth-Token")
        .flatMap(tokens::validate)
        .orElseThrow(ApiFault::unauthorized);
  }

  private Reply showCatalog(Call call) {
    AuthToken token = own(call);
    if (token.scope() instanceof Scope.Unscoped) {
      throw Policy.denied("get_auth_catalog");
    }
    ObjectNode document = Json.object();
    document.set("catalog", Documents.catalog(entries(token)));
    document.putObject("links").put("self", call.serviceUrl() + "/auth/catalog");
    return Reply.json(200, document);
  }

  private Reply projects(Call call) {
    return Collection.listed(
        call, "projects", directory.projectsOf(call.caller().userId()), Documents::project);
  }

  private Reply domains(Call call) {
    return Collection.listed(
        call, "domains", directory.domainsOf(call.caller().userId()), Documents::domain);
  }

  private Reply system(Call call) {
    boolean any = !directory.effectiveRoles(call.caller().userId(), Target.SYSTEM).isEmpty();
    ObjectNode document = Json.object();
    var list = document.putArray("system");
    if (any) {
      list.addObject().put("all", true);
    }
    document.putObject("links").put("self", call.serviceUrl() + "/auth/system");
    return Reply.json(200, document);
  }
}
