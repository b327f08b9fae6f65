package org.kilonova.testing;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.persistence.Database;

@ExtendWith(PostgresExtension.class)
class PostgresExtensionIT {
  @Test
  void theDatabaseIsMigratedAndDurable(Database database) {
    try (var handle = database.jdbi().open()) {
      assertThat(handle.select("SELECT count(*) FROM instance").mapTo(int.class).one()).isZero();
      assertThat(handle.select("SHOW fsync").mapTo(String.class).one()).isEqualTo("on");
    }
  }

  @Nested
  class Inside {
    @Test
    void aNestedClassSharesTheDatabaseOfTheClassAroundIt(
        Database database, Database.Settings settings) {
      try (var handle = database.jdbi().open()) {
        assertThat(handle.select("SELECT current_database()").mapTo(String.class).one())
            .isEqualTo(settings.url().replaceFirst(".*/", ""));
      }
    }
  }
}
