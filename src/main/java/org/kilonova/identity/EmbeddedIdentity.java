package org.kilonova.identity;

import java.time.InstantSource;
import org.jdbi.v3.core.Jdbi;

/** The embedded identity service of one controller: its parts, wired. */
public final class EmbeddedIdentity implements AutoCloseable {
  private final SqlRevocations revocations;
  private final Passwords passwords;
  private final Directory directory;
  private final Catalog catalog;
  private final Tokens tokens;
  private final ServiceTokens serviceTokens;

  private EmbeddedIdentity(Jdbi jdbi, IdentitySettings settings, InstantSource clock) {
    this.revocations =
        new SqlRevocations(jdbi, clock, settings.tokenLife(), settings.revocationPoll());
    this.passwords = new Passwords(settings.passwordCost(), settings.passwordThreads());
    SqlDirectory sql = new SqlDirectory(jdbi, revocations);
    this.directory = sql;
    new SqlBootstrap(jdbi, sql, passwords, settings).run();
    this.catalog =
        new Catalog(settings.baseUrl(), settings.region(), settings.services(), directory);
    TokenCodec codec = new TokenCodec(SqlTokenKey.load(jdbi));
    boolean keystone = settings.strategy() == IdentitySettings.Strategy.KEYSTONE;
    Tokens signed =
        new SignedTokens(
            directory, passwords, codec, revocations, clock, settings.tokenLife(), keystone);
    this.tokens = keystone ? signed : new NoAuthTokens(signed, directory, clock);
    this.serviceTokens = new SignedServiceTokens(codec, revocations, clock);
  }

  /**
   * Starts it: fills an empty database, writes the openrc at the first start, follows revocations.
   */
  public static EmbeddedIdentity start(Jdbi jdbi, IdentitySettings settings, InstantSource clock) {
    return new EmbeddedIdentity(jdbi, settings, clock);
  }

  public Directory directory() {
    return directory;
  }

  public Catalog catalog() {
    return catalog;
  }

  public Tokens tokens() {
    return tokens;
  }

  /** For the front door. */
  public TokenValidator callers() {
    return new CallerValidator(tokens);
  }

  public ServiceTokens serviceTokens() {
    return serviceTokens;
  }

  public Passwords passwords() {
    return passwords;
  }

  @Override
  public void close() {
    revocations.close();
    passwords.close();
  }
}
