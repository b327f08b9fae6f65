package org.kilonova.identity;

import org.jdbi.v3.core.Jdbi;

/** The key that signs tokens: made once, by whichever controller comes first. */
final class SqlTokenKey {
  private static final String ID = "1";
  private static final int BYTES = 64;

  private SqlTokenKey() {}

  /** The key that all controllers share. */
  static byte[] load(Jdbi jdbi) {
    return jdbi.withHandle(
        h -> {
          h.execute(
              "INSERT INTO identity_token_key (id, secret) VALUES (?, ?) ON CONFLICT DO NOTHING",
              ID,
              Ids.bytes(BYTES));
          return h.createQuery("SELECT secret FROM identity_token_key WHERE id = :id")
              .bind("id", ID)
              .mapTo(byte[].class)
              .one();
        });
  }
}
