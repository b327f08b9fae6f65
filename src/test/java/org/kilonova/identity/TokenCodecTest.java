package org.kilonova.identity;

import static org.assertj.core.api.Assertions.assertThat;

import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.PlainJWT;
import com.nimbusds.jwt.SignedJWT;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.AuthToken.UserRef;

class TokenCodecTest {
  private static final Instant NOW = Instant.parse("2026-11-21T10:00:00Z");
  private static final Ref DEFAULT = new Ref("default", "Default");

  private final byte[] secret = Ids.bytes(64);
  private final TokenCodec codec = new TokenCodec(secret);

  static AuthToken token(Scope scope, long revision) {
    return new AuthToken(
        List.of("password", "token"),
        new UserRef("u1", "Zoë \"Z\"", DEFAULT),
        scope,
        scope instanceof Scope.Unscoped
            ? List.of()
            : List.of(new Ref("r1", "admin"), new Ref("r2", "member")),
        List.of("audit-1", "audit-0"),
        NOW,
        NOW.plus(Duration.ofHours(1)),
        revision,
        null,
        false);
  }

  static Scope.ProjectScope project(String id) {
    return new Scope.ProjectScope(id, "name of " + id, DEFAULT);
  }

  @Test
  void whatWasSignedIsWhatIsRead() {
    for (Scope scope :
        List.of(
            project("p1"),
            new Scope.DomainScope(DEFAULT),
            new Scope.SystemScope(),
            new Scope.Unscoped())) {
      AuthToken token = token(scope, 7);
      assertThat(codec.decode(codec.encode(token))).contains(token);
    }
    AuthToken plain = token(project("p1"), 7);
    AuthToken credential =
        new AuthToken(
            plain.methods(),
            plain.user(),
            plain.scope(),
            plain.roles(),
            plain.auditIds(),
            plain.issuedAt(),
            plain.expiresAt(),
            8,
            "ac1",
            true);
    assertThat(codec.decode(codec.encode(credential))).contains(credential);
  }

  @Test
  void aTokenThatAnotherKeySignedIsNone() {
    String foreign = new TokenCodec(Ids.bytes(64)).encode(token(project("p1"), 7));
    assertThat(codec.decode(foreign)).isEmpty();
  }

  @Test
  void aChangedTokenIsNone() {
    String[] parts = codec.encode(token(project("p1"), 7)).split("\\.");
    String other = codec.encode(token(project("p2"), 7)).split("\\.")[1];
    assertThat(codec.decode(parts[0] + "." + other + "." + parts[2])).isEmpty();
  }

  @Test
  void anUnsignedTokenIsNone() throws Exception {
    SignedJWT genuine = SignedJWT.parse(codec.encode(token(project("p1"), 7)));
    assertThat(codec.decode(new PlainJWT(genuine.getJWTClaimsSet()).serialize())).isEmpty();
  }

  @Test
  void aJwtOfTheSameKeyThatIsNoTokenOfOursIsNone() throws Exception {
    SignedJWT jwt =
        new SignedJWT(
            new JWSHeader(JWSAlgorithm.HS256),
            new JWTClaimsSet.Builder().issuer("somebody").subject("u1").build());
    jwt.sign(new MACSigner(secret));
    assertThat(codec.decode(jwt.serialize())).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "x", "..", "a.b.c", "admin:admin", "eyJhbGciOiJub25lIn0.e30."})
  void whatIsNoJwtIsNone(String text) {
    assertThat(codec.decode(text)).isEmpty();
  }
}
