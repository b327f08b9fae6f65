package org.kilonova.identity;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSHeader;
import com.nimbusds.jose.crypto.MACSigner;
import com.nimbusds.jose.crypto.MACVerifier;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.SignedJWT;
import java.text.ParseException;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.AuthToken.UserRef;
import org.kilonova.kernel.LruMap;

/**
 * Tokens as signed JWTs (RFC 7519, HS256), with a key that all controllers share. Knows nothing of
 * expiry or revocation. Thread-safe.
 */
final class TokenCodec {
  private static final String ISSUER = "kilonova";

  /** Clients come back with the same token, and checking a signature costs more than a query. */
  private static final int REMEMBERED = 10_000;

  private final MACSigner signer;
  private final MACVerifier verifier;

  /**
   * What tokens of ours say, the least recently used given up first. Only those whose signature was
   * found good get in, so nobody else can fill it.
   */
  private final Map<String, AuthToken> remembered = new LruMap<>(REMEMBERED);

  private final ReentrantLock lock = new ReentrantLock();

  /**
   * @param secret at least 32 bytes
   */
  TokenCodec(byte[] secret) {
    try {
      this.signer = new MACSigner(secret);
      this.verifier = new MACVerifier(secret);
    } catch (JOSEException e) {
      throw new IllegalArgumentException("the token key cannot be used", e);
    }
  }

  String encode(AuthToken token) {
    JWTClaimsSet.Builder claims =
        new JWTClaimsSet.Builder()
            .issuer(ISSUER)
            .subject(token.user().id())
            .jwtID(token.auditIds().getFirst())
            .issueTime(Date.from(token.issuedAt()))
            .expirationTime(Date.from(token.expiresAt()))
            .claim("name", token.user().name())
            .claim("domain", list(token.user().domain()))
            .claim("amr", token.methods())
            .claim("audit", token.auditIds())
            .claim("rev", token.revision())
            .claim("roles", token.roles().stream().map(TokenCodec::list).toList());
    switch (token.scope()) {
      case Scope.ProjectScope p ->
          claims.claim("project", List.of(p.id(), p.name(), p.domain().id(), p.domain().name()));
      case Scope.DomainScope d -> claims.claim("scope_domain", list(d.domain()));
      case Scope.SystemScope s -> claims.claim("system", true);
      case Scope.Unscoped u -> {}
    }
    if (token.applicationCredentialId() != null) {
      claims.claim("app_cred", token.applicationCredentialId());
    }
    if (token.restricted()) {
      claims.claim("restricted", true);
    }
    try {
      SignedJWT jwt = new SignedJWT(new JWSHeader(JWSAlgorithm.HS256), claims.build());
      jwt.sign(signer);
      return jwt.serialize();
    } catch (JOSEException e) {
      throw new IllegalStateException("signing a token failed", e);
    }
  }

  /** What the token says, if it is one of ours and was not changed. */
  Optional<AuthToken> decode(String text) {
    AuthToken known = remembered(() -> remembered.get(text));
    if (known != null) {
      return Optional.of(known);
    }
    Optional<AuthToken> decoded = verified(text);
    decoded.ifPresent(token -> remembered(() -> remembered.put(text, token)));
    return decoded;
  }

  private AuthToken remembered(Supplier<AuthToken> access) {
    lock.lock();
    try {
      return access.get();
    } finally {
      lock.unlock();
    }
  }

  private Optional<AuthToken> verified(String text) {
    try {
      SignedJWT jwt = SignedJWT.parse(text);
      if (!JWSAlgorithm.HS256.equals(jwt.getHeader().getAlgorithm()) || !jwt.verify(verifier)) {
        return Optional.empty();
      }
      JWTClaimsSet claims = jwt.getJWTClaimsSet();
      if (!ISSUER.equals(claims.getIssuer())) {
        return Optional.empty();
      }
      return Optional.of(read(claims));
    } catch (ParseException | JOSEException | ClassCastException e) {
      // not a token of ours, whatever else it may be
      return Optional.empty();
    }
  }

  private static AuthToken read(JWTClaimsSet claims) throws ParseException {
    return new AuthToken(
        claims.getStringListClaim("amr"),
        new UserRef(
            claims.getSubject(), claims.getStringClaim("name"), ref(claims.getClaim("domain"))),
        scope(claims),
        ((List<?>) claims.getClaim("roles")).stream().map(TokenCodec::ref).toList(),
        claims.getStringListClaim("audit"),
        instant(claims.getIssueTime()),
        instant(claims.getExpirationTime()),
        claims.getLongClaim("rev"),
        claims.getStringClaim("app_cred"),
        Boolean.TRUE.equals(claims.getBooleanClaim("restricted")));
  }

  private static Scope scope(JWTClaimsSet claims) throws ParseException {
    List<String> project = claims.getStringListClaim("project");
    if (project != null) {
      return new Scope.ProjectScope(
          project.get(0), project.get(1), new Ref(project.get(2), project.get(3)));
    }
    Object domain = claims.getClaim("scope_domain");
    if (domain != null) {
      return new Scope.DomainScope(ref(domain));
    }
    return Boolean.TRUE.equals(claims.getBooleanClaim("system"))
        ? new Scope.SystemScope()
        : new Scope.Unscoped();
  }

  private static List<String> list(Ref ref) {
    return List.of(ref.id(), ref.name());
  }

  private static Ref ref(Object claim) {
    List<?> pair = (List<?>) claim;
    return new Ref((String) pair.get(0), (String) pair.get(1));
  }

  private static Instant instant(Date date) {
    return date.toInstant();
  }
}
