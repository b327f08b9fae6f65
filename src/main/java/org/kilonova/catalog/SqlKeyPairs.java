package org.kilonova.catalog;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.InstantSource;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.catalog.KeyCrypto.PublicKey;
import org.kilonova.persistence.Database;

/** {@link KeyPairs} in PostgreSQL. */
public final class SqlKeyPairs implements KeyPairs {
  private final Jdbi jdbi;
  private final InstantSource clock;

  public SqlKeyPairs(Database database, InstantSource clock) {
    this.jdbi = database.jdbi();
    this.clock = clock;
  }

  @Override
  public Optional<KeyPair> find(String userId, String name) {
    return jdbi.withHandle(handle -> find(handle, userId, name));
  }

  private static Optional<KeyPair> find(Handle handle, String userId, String name) {
    return handle
        .createQuery("SELECT * FROM key_pair WHERE user_id = :user AND name = :name")
        .bind("user", userId)
        .bind("name", name)
        .map((row, context) -> keyPair(row))
        .findOne();
  }

  @Override
  public List<KeyPair> list(String userId, String marker, int limit) {
    return jdbi.withHandle(
        handle -> {
          if (marker != null && find(handle, userId, marker).isEmpty()) {
            throw CatalogException.invalid("marker [" + marker + "] not found");
          }
          return handle
              .createQuery(
                  """
                  SELECT * FROM key_pair
                  WHERE user_id = :user AND (:marker::text IS NULL OR name COLLATE "C" > :marker)
                  ORDER BY name COLLATE "C" LIMIT :limit
                  """)
              .bind("user", userId)
              .bind("marker", marker)
              .bind("limit", limit)
              .map((row, context) -> keyPair(row))
              .list();
        });
  }

  @Override
  public KeyPair create(String userId, String name, PublicKey key, int limit) {
    return jdbi.inTransaction(
        handle -> {
          // one create at a time for each user, so that the count holds
          handle
              .createQuery("SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(:lock, 0))")
              .bind("lock", "key_pair " + userId)
              .mapTo(Integer.class)
              .one();
          if (limit >= 0 && count(handle, userId) >= limit) {
            throw CatalogException.overQuota("Quota exceeded, too many key pairs.");
          }
          return handle
              .createQuery(
                  """
                  INSERT INTO key_pair (user_id, name, type, public_key, fingerprint, created_at)
                  VALUES (:user, :name, :type, :key, :fingerprint, :now)
                  ON CONFLICT DO NOTHING RETURNING *
                  """)
              .bind("user", userId)
              .bind("name", name)
              .bind("type", key.type().text())
              .bind("key", key.text())
              .bind("fingerprint", key.fingerprint())
              .bind("now", clock.instant())
              .map((row, context) -> keyPair(row))
              .findOne()
              .orElseThrow(
                  () -> CatalogException.conflict("Key pair '" + name + "' already exists."));
        });
  }

  @Override
  public void delete(String userId, String name) {
    int deleted =
        jdbi.withHandle(
            handle ->
                handle
                    .createUpdate("DELETE FROM key_pair WHERE user_id = :user AND name = :name")
                    .bind("user", userId)
                    .bind("name", name)
                    .execute());
    if (deleted == 0) {
      throw CatalogException.notFound("Keypair %s not found for user %s".formatted(name, userId));
    }
  }

  private static int count(Handle handle, String userId) {
    return handle
        .createQuery("SELECT count(*) FROM key_pair WHERE user_id = :user")
        .bind("user", userId)
        .mapTo(Integer.class)
        .one();
  }

  private static KeyPair keyPair(ResultSet row) throws SQLException {
    return new KeyPair(
        row.getInt("number"),
        row.getString("user_id"),
        row.getString("name"),
        KeyPair.Type.of(row.getString("type")),
        row.getString("public_key"),
        row.getString("fingerprint"),
        row.getObject("created_at", OffsetDateTime.class).toInstant());
  }
}
