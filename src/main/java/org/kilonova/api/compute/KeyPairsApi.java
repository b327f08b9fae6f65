package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.catalog.KeyCrypto;
import org.kilonova.catalog.KeyCrypto.Generated;
import org.kilonova.catalog.KeyPair;
import org.kilonova.catalog.KeyPair.Type;
import org.kilonova.catalog.KeyPairs;
import org.kilonova.quota.Quotas;

/**
 * {@code /os-keypairs}. Everybody manages his own, whatever his roles; an administrator anybody's
 * (2.10).
 */
public final class KeyPairsApi {
  private static final String CREATE =
      """
      {
        'type': 'object', 'required': ['keypair'], 'additionalProperties': false,
        'properties': {'keypair': {
          'type': 'object', 'required': [%s], 'additionalProperties': false,
          'properties': {
            'name': %s,
            %s
            'public_key': {'type': 'string'}
          }
        }}
      }
      """;
  private static final String NAME =
      "{'type': 'string', 'minLength': 1, 'maxLength': 255, 'pattern': '^[a-zA-Z0-9_ -]*$'}";
  private static final String NAME_2_92 = NAME.replace("_ -", "@._ -");
  private static final String TYPE = "'type': {'type': 'string', 'enum': ['ssh', 'x509']},";
  private static final String TYPE_AND_USER = TYPE + "'user_id': {'type': 'string'},";
  private static final Schemas.ByVersion CREATE_BY_VERSION =
      Schemas.first(CREATE.formatted("'name'", "{'$ref': '#/definitions/loose_name'}", ""))
          .then(1, CREATE.formatted("'name'", NAME, ""))
          .then(2, CREATE.formatted("'name'", NAME, TYPE))
          .then(10, CREATE.formatted("'name'", NAME, TYPE_AND_USER))
          .then(92, CREATE.formatted("'name', 'public_key'", NAME_2_92, TYPE_AND_USER));

  private final KeyPairs keyPairs;
  private final KeyCrypto crypto;
  private final Quotas quotas;

  public KeyPairsApi(KeyPairs keyPairs, KeyCrypto crypto, Quotas quotas) {
    this.keyPairs = keyPairs;
    this.crypto = crypto;
    this.quotas = quotas;
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount.get("/os-keypairs", this::list).get("/os-keypairs/{name}", this::show);
    mount.route(Method.POST, "/os-keypairs").token().json(CREATE_BY_VERSION).to(this::create);
    mount.route(Method.DELETE, "/os-keypairs/{name}").token().to(this::delete);
  }

  private Reply list(Call call) {
    Queries.closed(call, "user_id", "limit", "marker");
    Page page = call.atLeast(35) ? Page.of(call) : Page.all();
    List<KeyPair> found = keyPairs.list(user(call), page.marker(), page.limit());
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("keypairs");
    found.forEach(keyPair -> list.addObject().set("keypair", brief(call, keyPair)));
    Links.next(document, "keypairs_links", call, page, found.stream().map(KeyPair::name).toList());
    return Reply.json(200, document);
  }

  private Reply show(Call call) {
    Queries.closed(call, "user_id");
    String user = user(call);
    String name = call.path("name");
    KeyPair keyPair =
        keyPairs
            .find(user, name)
            .orElseThrow(
                () -> ApiFault.notFound("Keypair %s not found for user %s".formatted(name, user)));
    ObjectNode node =
        brief(call, keyPair)
            .put("user_id", keyPair.userId())
            .put("created_at", Values.time(keyPair.createdAt()))
            .put("deleted", false)
            .putNull("deleted_at")
            .put("id", keyPair.number())
            .putNull("updated_at");
    return document(200, node);
  }

  private Reply create(Call call) {
    JsonNode body = call.body().path("keypair");
    String asked = Values.textOrNull(body.path("user_id"));
    String user = allow(call, asked == null || asked.isEmpty() ? call.caller().userId() : asked);
    Type type = Type.of(body.path("type").asText("ssh"));
    Generated generated =
        body.has("public_key")
            ? new Generated(crypto.check(type, body.path("public_key").asText()), null)
            : crypto.generate(type, user);
    KeyPair keyPair =
        keyPairs.create(
            user,
            body.path("name").asText().strip(),
            generated.publicKey(),
            quotas.limits(call.caller().projectId(), user).get("key_pairs"));
    ObjectNode node = brief(call, keyPair).put("user_id", keyPair.userId());
    if (generated.privateKey() != null) {
      node.put("private_key", generated.privateKey());
    }
    return document(call.atLeast(2) ? 201 : 200, node);
  }

  private Reply delete(Call call) {
    Queries.closed(call, "user_id");
    keyPairs.delete(user(call), call.path("name"));
    return Reply.empty(call.atLeast(2) ? 204 : 202);
  }

  /** Whose key pairs a request is about. */
  private static String user(Call call) {
    String own = call.caller().userId();
    return call.atLeast(10) ? allow(call, call.query("user_id").orElse(own)) : own;
  }

  private static String allow(Call call, String user) {
    if (!call.caller().isAdmin() && !user.equals(call.caller().userId())) {
      throw ApiFault.forbidden("Policy doesn't allow os_compute_api:os-keypairs to be performed.");
    }
    return user;
  }

  private static ObjectNode brief(Call call, KeyPair keyPair) {
    ObjectNode node =
        Json.object()
            .put("name", keyPair.name())
            .put("public_key", keyPair.publicKey())
            .put("fingerprint", keyPair.fingerprint());
    return call.atLeast(2) ? node.put("type", keyPair.type().text()) : node;
  }

  private static Reply document(int status, ObjectNode keyPair) {
    ObjectNode document = Json.object();
    document.set("keypair", keyPair);
    return Reply.json(status, document);
  }
}
