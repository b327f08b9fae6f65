package org.kilonova.identity;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.kilonova.identity.AuthToken.Ref;
import org.kilonova.identity.AuthToken.Scope;
import org.kilonova.identity.AuthToken.UserRef;

/** Service tokens signed on the spot, for processes that have the token key. */
final class SignedServiceTokens implements ServiceTokens {
  private static final Duration LIFE = Duration.ofMinutes(10);
  private static final Duration LEFT_AT_LEAST = Duration.ofMinutes(2);
  private static final String NAME = "kilonova";

  private final TokenCodec codec;
  private final Revocations revocations;
  private final InstantSource clock;
  private String text;
  private Instant renewAt = Instant.MIN;

  SignedServiceTokens(TokenCodec codec, Revocations revocations, InstantSource clock) {
    this.codec = codec;
    this.revocations = revocations;
    this.clock = clock;
  }

  @Override
  public synchronized String current() {
    Instant now = clock.instant().truncatedTo(ChronoUnit.SECONDS);
    if (!now.isBefore(renewAt)) {
      text =
          codec.encode(
              new AuthToken(
                  List.of("service"),
                  new UserRef(NAME, NAME, new Ref(Domain.DEFAULT_ID, "Default")),
                  new Scope.SystemScope(),
                  List.of(new Ref(Role.SERVICE, Role.SERVICE)),
                  List.of(Ids.secret(16)),
                  now,
                  now.plus(LIFE),
                  revocations.revision(),
                  null,
                  false));
      renewAt = now.plus(LIFE).minus(LEFT_AT_LEAST);
    }
    return text;
  }
}
