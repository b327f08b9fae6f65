package org.kilonova.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.persistence.AdvisoryLock.Mode.EXCLUSIVE;
import static org.kilonova.persistence.AdvisoryLock.Mode.SHARED;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.node.TestCloud;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class AdvisoryLockIT {
  private static final String NAME = "kilonova-test";

  private final Database database;
  private final Database.Settings settings;
  private AdvisoryLock one;
  private AdvisoryLock other;

  AdvisoryLockIT(Database database, Database.Settings settings) {
    this.database = database;
    this.settings = settings;
  }

  @BeforeEach
  void open() {
    one = new AdvisoryLock(settings, NAME, 42);
    other = new AdvisoryLock(settings, NAME, 42);
  }

  @AfterEach
  void close() {
    one.close();
    other.close();
  }

  @Test
  void oneHoldsItAlone_orManyShareIt() {
    assertThat(one.hold(EXCLUSIVE)).isTrue();
    assertThat(one.hold(EXCLUSIVE)).as("keeps it").isTrue();
    assertThat(other.hold(EXCLUSIVE)).isFalse();
    assertThat(other.hold(SHARED)).isFalse();

    one.release(); // a moment later, since its session has to end
    TestCloud.await(() -> other.hold(SHARED), held -> held);
    assertThat(one.hold(SHARED)).isTrue();
    assertThat(one.hold(EXCLUSIVE)).isFalse();

    other.release();
    TestCloud.await(() -> one.hold(EXCLUSIVE), held -> held);
  }

  @Test
  void whoHeldItAloneShares_andNobodyElseHasItAloneMeanwhile() {
    one.hold(EXCLUSIVE);
    assertThat(one.hold(SHARED)).isTrue();
    assertThat(other.hold(EXCLUSIVE)).isFalse();
    assertThat(other.hold(SHARED)).isTrue();
  }

  @Test
  void whoseSessionEndedLosesIt_andTakesItAgain() {
    one.hold(EXCLUSIVE);
    endSessions();
    assertThat(other.hold(EXCLUSIVE)).isTrue();
    assertThat(one.hold(EXCLUSIVE)).isFalse();
    other.close();
    TestCloud.await(() -> one.hold(EXCLUSIVE), held -> held);
    assertThat(other.hold(SHARED)).as("closed for good").isFalse();
  }

  /** Returns when they have ended. */
  private void endSessions() {
    database
        .jdbi()
        .useHandle(
            h ->
                h.createQuery(
                        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                            + " WHERE application_name = :name")
                    .bind("name", NAME)
                    .mapTo(Boolean.class)
                    .list());
  }
}
