package org.kilonova.node;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.jdbi.v3.core.Jdbi;

/**
 * The cloud's own id: made once, kept in the database, copied to the state directory for scripts.
 */
final class CloudId {
  private CloudId() {}

  /** The id; the first controller ever makes it. */
  static String of(Jdbi jdbi) {
    return jdbi.inTransaction(
        handle -> {
          handle.execute(
              "INSERT INTO cloud (id) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM cloud)"
                  + " ON CONFLICT DO NOTHING",
              UUID.randomUUID().toString().substring(0, 8));
          return handle.createQuery("SELECT id FROM cloud").mapTo(String.class).one();
        });
  }

  static void write(Path stateDir, String cloudId) throws IOException {
    Files.createDirectories(stateDir);
    Files.writeString(stateDir.resolve("cloud-id"), cloudId + "\n");
  }
}
