package org.kilonova.readmodel;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import java.time.Duration;
import java.util.concurrent.Executor;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class LeaderActorIT {
  private static final Duration SOON = Duration.ofMillis(10);

  private final ActorTestKit kit = ActorTestKit.create();
  private final Executor blocking = Executors.newVirtualThreadPerTaskExecutor();
  private final Database.Settings database;

  LeaderActorIT(Database.Settings database) {
    this.database = database;
  }

  @AfterEach
  void stop() {
    kit.shutdownTestKit();
  }

  @Test
  void oneLeadsAndWhenItStopsTheOtherDoes() {
    TestProbe<Boolean> first = kit.createTestProbe();
    TestProbe<Boolean> other = kit.createTestProbe();
    ActorRef<LeaderActor.Command> leader = spawn(() -> false, first);
    first.expectMessage(true);
    spawn(() -> false, other);
    other.expectNoMessage(Duration.ofMillis(200));

    kit.stop(leader);

    other.expectMessage(true);
  }

  @Test
  void workThatFailsLeadsNothingUntilItGoesOn() {
    AtomicBoolean broken = new AtomicBoolean();
    TestProbe<Boolean> leads = kit.createTestProbe();
    spawn(
        () -> {
          if (broken.get()) {
            throw new IllegalStateException("broken");
          }
          return false;
        },
        leads);
    leads.expectMessage(true);

    broken.set(true);
    leads.expectMessage(false);

    broken.set(false);
    leads.expectMessage(true);
  }

  private ActorRef<LeaderActor.Command> spawn(LeaderActor.Work work, TestProbe<Boolean> leads) {
    return kit.spawn(
        LeaderActor.create(
            new LeaderActor.Setup(
                "the work",
                work,
                () -> new AdvisoryLock(database, "test-leader", 4712),
                blocking,
                SOON,
                SOON,
                leads.ref()::tell)));
  }
}
