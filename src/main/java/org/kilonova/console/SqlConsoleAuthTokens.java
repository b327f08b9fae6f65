package org.kilonova.console;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;

/**
 * {@link ConsoleAuthTokens} in PostgreSQL, as digests. Those that have expired go with each new
 * one.
 */
public final class SqlConsoleAuthTokens implements ConsoleAuthTokens {
  private final Jdbi jdbi;
  private final InstantSource clock;
  private final Duration life;

  /**
   * Tokens.
   *
   * @param life of a token (Nova's {@code consoleauth.token_ttl})
   */
  public SqlConsoleAuthTokens(Database database, InstantSource clock, Duration life) {
    this.jdbi = database.jdbi();
    this.clock = clock;
    this.life = life;
  }

  @Override
  public String authorize(Authorization authorization) {
    String token = UUID.randomUUID().toString(); // 122 bits of a secure source, in Nova's form
    authorize(token, authorization);
    return token;
  }

  @Override
  public void authorize(String token, Authorization a) {
    Instant now = clock.instant();
    jdbi.useTransaction(
        handle -> {
          handle
              .createUpdate("DELETE FROM console_auth_token WHERE expires_at <= :now")
              .bind("now", now.atOffset(ZoneOffset.UTC))
              .execute();
          handle
              .createUpdate(
                  """
                  INSERT INTO console_auth_token (token_sha256, instance_uuid, console_type, host,
                    port, internal_access_path, expires_at)
                  VALUES (:token, :instance, :type, :host, :port, :path, :expires)
                  ON CONFLICT (token_sha256) DO UPDATE SET expires_at = EXCLUDED.expires_at
                  """)
              .bind("token", digest(token))
              .bind("instance", a.instance() == null ? null : a.instance().uuid())
              .bind("type", a.consoleType())
              .bind("host", a.host())
              .bind("port", a.port())
              .bind("path", a.internalAccessPath())
              .bind("expires", now.plus(life).atOffset(ZoneOffset.UTC))
              .execute();
        });
  }

  @Override
  public Optional<Authorization> find(String token) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(
                    """
                    SELECT * FROM console_auth_token
                    WHERE token_sha256 = :token AND expires_at > :now
                    """)
                .bind("token", digest(token))
                .bind("now", clock.instant().atOffset(ZoneOffset.UTC))
                .map(
                    (row, context) ->
                        new Authorization(
                            Optional.ofNullable(row.getObject("instance_uuid", UUID.class))
                                .map(InstanceId::new)
                                .orElse(null),
                            row.getString("console_type"),
                            row.getString("host"),
                            row.getInt("port"),
                            row.getString("internal_access_path")))
                .findOne());
  }

  @Override
  public void revoke(InstanceId instance) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate("DELETE FROM console_auth_token WHERE instance_uuid = :instance")
                .bind("instance", instance.uuid())
                .execute());
  }

  private static byte[] digest(String token) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // every Java has it
    }
  }
}
