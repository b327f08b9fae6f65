package org.kilonova.identity;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.AuthToken.UserRef;

/**
 * Nova's {@code noauth2}: {@code user:project} is a token, and its bearer an administrator of that
 * project (an id, or a name of the default domain; the user's name if it is left out). For
 * development on one machine.
 */
final class NoAuthTokens implements Tokens {
  private static final Ref DEFAULT = new Ref(Domain.DEFAULT_ID, "Default");

  private final Tokens signed;
  private final Directory directory;
  private final InstantSource clock;

  /**
   * @param signed for everything else
   */
  NoAuthTokens(Tokens signed, Directory directory, InstantSource clock) {
    this.signed = signed;
    this.directory = directory;
    this.clock = clock;
  }

  @Override
  public Issued issue(AuthRequest request) {
    return signed.issue(request);
  }

  @Override
  public Optional<AuthToken> validate(String token) {
    return token.contains(".") ? signed.validate(token) : Optional.of(admin(token));
  }

  private AuthToken admin(String token) {
    int colon = token.indexOf(':');
    String user = colon < 0 ? token : token.substring(0, colon);
    String project = colon < 0 || colon == token.length() - 1 ? user : token.substring(colon + 1);
    Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
    return new AuthToken(
        List.of("password"),
        directory
            .users()
            .find(user)
            .or(() -> named(directory.users(), user))
            .map(u -> new UserRef(u.id(), u.name(), DEFAULT))
            .orElse(new UserRef(user, user, DEFAULT)),
        directory
            .projects()
            .find(project)
            .or(() -> named(directory.projects(), project))
            .map(p -> new Scope.ProjectScope(p.id(), p.name(), DEFAULT))
            .orElse(new Scope.ProjectScope(project, project, DEFAULT)),
        List.of(
            new Ref(Role.ADMIN, Role.ADMIN),
            new Ref(Role.MEMBER, Role.MEMBER),
            new Ref(Role.READER, Role.READER)),
        List.of(token),
        now,
        now.plus(Duration.ofHours(1)),
        Long.MAX_VALUE,
        null,
        false);
  }

  private static <T> Optional<T> named(Store<T> store, String name) {
    return store.list(Map.of("name", name, "domain_id", Domain.DEFAULT_ID)).stream().findFirst();
  }

  @Override
  public void revoke(AuthToken token) {
    signed.revoke(token);
  }
}
