package org.kilonova.identity;

import java.util.Optional;
import java.util.stream.Collectors;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;

/** What handlers need to know of a token. */
final class CallerValidator implements TokenValidator {
  private final Tokens tokens;

  CallerValidator(Tokens tokens) {
    this.tokens = tokens;
  }

  @Override
  public Optional<Caller> validate(String token) {
    return tokens.validate(token).map(CallerValidator::caller);
  }

  private static Caller caller(AuthToken token) {
    Optional<Scope.ProjectScope> project = token.project();
    return new Caller(
        token.user().id(),
        token.user().name(),
        token.user().domain().id(),
        project.map(Scope.ProjectScope::id).orElse(null),
        project.map(Scope.ProjectScope::name).orElse(null),
        token.scope() instanceof Scope.DomainScope d ? d.domain().id() : null,
        token.scope() instanceof Scope.SystemScope,
        token.roles().stream().map(Ref::name).collect(Collectors.toUnmodifiableSet()));
  }
}
