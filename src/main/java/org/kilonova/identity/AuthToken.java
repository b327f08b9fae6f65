package org.kilonova.identity;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What a token says, all of it signed: checking it needs no database.
 *
 * @param methods how it was obtained, e.g. {@code password}
 * @param roles on the scope, with the implied ones
 * @param auditIds its own, then that of the first token of the chain it was made from
 * @param issuedAt whole seconds
 * @param expiresAt whole seconds
 * @param revision what the issuer knew of revocations: later ones apply to this token
 * @param applicationCredentialId what it was made from, or null
 * @param restricted it may not manage application credentials
 */
public record AuthToken(
    List<String> methods,
    UserRef user,
    Scope scope,
    List<Ref> roles,
    List<String> auditIds,
    Instant issuedAt,
    Instant expiresAt,
    long revision,
    String applicationCredentialId,
    boolean restricted) {
  public AuthToken {
    methods = List.copyOf(methods);
    roles = List.copyOf(roles);
    auditIds = List.copyOf(auditIds);
  }

  /** An id and the name it had when the token was issued. */
  public record Ref(String id, String name) {}

  /** The token's user. */
  public record UserRef(String id, String name, Ref domain) {}

  /** What the roles of a token apply to. */
  public sealed interface Scope {
    /** A project. */
    record ProjectScope(String id, String name, Ref domain) implements Scope {}

    /** A domain. */
    record DomainScope(Ref domain) implements Scope {}

    /** The whole deployment. */
    record SystemScope() implements Scope {}

    /** Nothing: good for finding out where to go, and for changing one's password. */
    record Unscoped() implements Scope {}
  }

  /** The project that the token is scoped to, if it is. */
  public Optional<Scope.ProjectScope> project() {
    return scope instanceof Scope.ProjectScope p ? Optional.of(p) : Optional.empty();
  }

  /** Whether the token has the role (by its name). */
  public boolean hasRole(String name) {
    return roles.stream().anyMatch(role -> role.name().equals(name));
  }

  /** Whether a revocation of any of these ends the token; see {@link Subjects}. */
  Stream<String> subjects() {
    Stream<String> scoped =
        switch (scope) {
          case Scope.ProjectScope p ->
              Stream.of(
                  Subjects.project(p.id()),
                  Subjects.domain(p.domain().id()),
                  Subjects.grant(user.id(), Assignment.Target.project(p.id())));
          case Scope.DomainScope d ->
              Stream.of(
                  Subjects.domain(d.domain().id()),
                  Subjects.grant(user.id(), Assignment.Target.domain(d.domain().id())));
          case Scope.SystemScope s ->
              Stream.of(Subjects.grant(user.id(), Assignment.Target.SYSTEM));
          case Scope.Unscoped u -> Stream.of();
        };
    Stream<String> own =
        Stream.of(
            Subjects.audit(auditIds.getFirst()),
            Subjects.user(user.id()),
            Subjects.domain(user.domain().id()));
    Stream<String> credential =
        applicationCredentialId == null
            ? Stream.of()
            : Stream.of(Subjects.applicationCredential(applicationCredentialId));
    Stream<String> held = roles.stream().map(role -> Subjects.role(role.id()));
    return Stream.of(own, scoped, credential, held).flatMap(s -> s);
  }
}
