package org.kilonova.identity;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.kilonova.identity.Assignment.Target;
import org.kilonova.identity.AuthRequest.DomainSelector;
import org.kilonova.identity.AuthRequest.Method;
import org.kilonova.identity.AuthRequest.ScopeRequest;
import org.kilonova.identity.AuthRequest.UserSelector;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.AuthToken.UserRef;

/**
 * Tokens that carry all they say under a signature. Whatever is wrong with a request for one gets
 * the same answer, so that it tells nothing about who exists.
 */
final class SignedTokens implements Tokens {
  private final Directory directory;
  private final Passwords passwords;
  private final TokenCodec codec;
  private final Revocations revocations;
  private final InstantSource clock;
  private final Duration life;
  private final boolean checkPasswords;

  /**
   * @param checkPasswords false only under {@code noauth2}
   */
  SignedTokens(
      Directory directory,
      Passwords passwords,
      TokenCodec codec,
      Revocations revocations,
      InstantSource clock,
      Duration life,
      boolean checkPasswords) {
    this.directory = directory;
    this.passwords = passwords;
    this.codec = codec;
    this.revocations = revocations;
    this.clock = clock;
    this.life = life;
    this.checkPasswords = checkPasswords;
  }

  /** What the methods of a request proved. */
  private record Proof(User user, AuthToken earlier, ApplicationCredential credential) {}

  @Override
  public Issued issue(AuthRequest request) {
    // Read before the resources are: what is revoked from here on ends the new token as well,
    // whether or not what is read below shows it.
    long revision = revocations.refresh();
    if (request.methods().isEmpty()) {
      throw IdentityException.unauthorized();
    }
    Proof proof = prove(request);
    User user = proof.user();
    Domain domain =
        directory
            .domains()
            .find(user.domainId())
            .filter(Domain::enabled)
            .orElseThrow(IdentityException::unauthorized);

    Granted granted = scope(request.scope(), proof);
    Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
    Set<String> methods = new LinkedHashSet<>();
    if (proof.earlier() != null) {
      methods.addAll(proof.earlier().methods());
    }
    request.methods().forEach(method -> methods.add(name(method)));
    String auditId = Ids.secret(16);
    AuthToken token =
        new AuthToken(
            List.copyOf(methods),
            new UserRef(user.id(), user.name(), new Ref(domain.id(), domain.name())),
            granted.scope(),
            granted.roles(),
            proof.earlier() == null
                ? List.of(auditId)
                : List.of(auditId, proof.earlier().auditIds().getLast()),
            now,
            // a token made from a token does not outlive it
            proof.earlier() == null ? now.plus(life) : proof.earlier().expiresAt(),
            revision,
            proof.credential() == null ? null : proof.credential().id(),
            proof.credential() != null && !proof.credential().unrestricted());
    return new Issued(codec.encode(token), token);
  }

  private static String name(Method method) {
    return switch (method) {
      case Method.Password p -> "password";
      case Method.Token t -> "token";
      case Method.AppCredential a -> "application_credential";
    };
  }

  private Proof prove(AuthRequest request) {
    User user = null;
    AuthToken earlier = null;
    ApplicationCredential credential = null;
    for (Method method : request.methods()) {
      User proved =
          switch (method) {
            case Method.Password p -> byPassword(p);
            case Method.Token t -> {
              earlier = validate(t.token()).orElseThrow(IdentityException::unauthorized);
              yield enabledUser(directory.users().find(earlier.user().id()));
            }
            case Method.AppCredential a -> {
              credential = byCredential(a);
              yield enabledUser(directory.users().find(credential.userId()));
            }
          };
      if (user != null && !user.id().equals(proved.id())) {
        throw IdentityException.unauthorized();
      }
      user = proved;
    }
    if (earlier != null && earlier.applicationCredentialId() != null) {
      // it would get out of the project and the roles that it was made for
      throw IdentityException.unauthorized();
    }
    return new Proof(user, earlier, credential);
  }

  private User byPassword(Method.Password p) {
    Optional<User> user = find(p.user());
    if (checkPasswords) {
      String hash = user.flatMap(u -> directory.passwordHash(u.id())).orElse(null);
      if (!passwords.matches(p.password(), hash)) {
        throw IdentityException.unauthorized();
      }
    }
    return enabledUser(user);
  }

  private ApplicationCredential byCredential(Method.AppCredential a) {
    Optional<ApplicationCredential> credential =
        a.id() != null
            ? directory.applicationCredential(a.id())
            : find(a.user())
                .flatMap(
                    user ->
                        directory.applicationCredentials(user.id(), a.name()).stream().findFirst());
    String hash = credential.flatMap(c -> directory.secretHash(c.id())).orElse(null);
    if (!passwords.matches(a.secret(), hash)) {
      throw IdentityException.unauthorized();
    }
    return credential
        .filter(c -> c.expiresAt() == null || clock.instant().isBefore(c.expiresAt()))
        .orElseThrow(IdentityException::unauthorized);
  }

  private static User enabledUser(Optional<User> user) {
    return user.filter(User::enabled).orElseThrow(IdentityException::unauthorized);
  }

  private Optional<User> find(UserSelector selector) {
    if (selector == null) {
      return Optional.empty();
    }
    if (selector.id() != null) {
      return directory.users().find(selector.id());
    }
    return find(selector.domain())
        .flatMap(
            domain ->
                directory
                    .users()
                    .list(Map.of("name", selector.name(), "domain_id", domain.id()))
                    .stream()
                    .findFirst());
  }

  private Optional<Domain> find(DomainSelector selector) {
    if (selector == null) {
      return Optional.empty();
    }
    return selector.id() != null
        ? directory.domains().find(selector.id())
        : directory.domains().list(Map.of("name", selector.name())).stream().findFirst();
  }

  /** A scope and the roles on it. */
  private record Granted(Scope scope, List<Ref> roles) {}

  private Granted scope(ScopeRequest wanted, Proof proof) {
    User user = proof.user();
    if (proof.credential() != null) {
      return credentialScope(wanted, user, proof.credential());
    }
    return switch (wanted) {
      case ScopeRequest.Unscoped u -> new Granted(new Scope.Unscoped(), List.of());
      case ScopeRequest.Unspecified u ->
          Optional.ofNullable(user.defaultProjectId())
              .flatMap(id -> directory.projects().find(id))
              .flatMap(project -> projectScope(user, project))
              .orElse(new Granted(new Scope.Unscoped(), List.of()));
      case ScopeRequest.Project p ->
          findProject(p)
              .flatMap(project -> projectScope(user, project))
              .orElseThrow(IdentityException::unauthorized);
      case ScopeRequest.Domain d -> {
        Domain domain =
            find(d.domain()).filter(Domain::enabled).orElseThrow(IdentityException::unauthorized);
        yield granted(
                new Scope.DomainScope(new Ref(domain.id(), domain.name())),
                directory.effectiveRoles(user.id(), Target.domain(domain.id())))
            .orElseThrow(IdentityException::unauthorized);
      }
      case ScopeRequest.System s ->
          granted(new Scope.SystemScope(), directory.effectiveRoles(user.id(), Target.SYSTEM))
              .orElseThrow(IdentityException::unauthorized);
    };
  }

  private Granted credentialScope(
      ScopeRequest wanted, User user, ApplicationCredential credential) {
    if (!(wanted instanceof ScopeRequest.Unspecified)) {
      // the credential says what it is for
      throw IdentityException.unauthorized();
    }
    Granted granted =
        directory
            .projects()
            .find(credential.projectId())
            .flatMap(project -> projectScope(user, project))
            .orElseThrow(IdentityException::unauthorized);
    Set<String> allowed = Set.copyOf(credential.roleIds());
    List<Ref> roles = granted.roles().stream().filter(r -> allowed.contains(r.id())).toList();
    return granted(granted.scope(), roles).orElseThrow(IdentityException::unauthorized);
  }

  private Optional<Project> findProject(ScopeRequest.Project selector) {
    if (selector.id() != null) {
      return directory.projects().find(selector.id());
    }
    return find(selector.domain())
        .flatMap(
            domain ->
                directory
                    .projects()
                    .list(Map.of("name", selector.name(), "domain_id", domain.id()))
                    .stream()
                    .findFirst());
  }

  private Optional<Granted> projectScope(User user, Project project) {
    return directory
        .domains()
        .find(project.domainId())
        .filter(domain -> domain.enabled() && project.enabled())
        .flatMap(
            domain ->
                granted(
                    new Scope.ProjectScope(
                        project.id(), project.name(), new Ref(domain.id(), domain.name())),
                    directory.effectiveRoles(user.id(), Target.project(project.id()))));
  }

  /** A scope without a role on it is not given. */
  private static Optional<Granted> granted(Scope scope, List<Ref> roles) {
    return roles.isEmpty() ? Optional.empty() : Optional.of(new Granted(scope, roles));
  }

  @Override
  public Optional<AuthToken> validate(String token) {
    return codec
        .decode(token)
        .filter(t -> clock.instant().isBefore(t.expiresAt()))
        .filter(t -> !revocations.revokes(t));
  }

  @Override
  public void revoke(AuthToken token) {
    revocations.revoke(Subjects.audit(token.auditIds().getFirst()));
  }
}
