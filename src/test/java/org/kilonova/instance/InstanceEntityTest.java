package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.instance.Lab.A;
import static org.kilonova.instance.Lab.BY_OWNER;
import static org.kilonova.instance.Lab.FIRST;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.ActorRef;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.persistence.testkit.PersistenceTestKitPlugin;
import akka.persistence.testkit.PersistenceTestKitSnapshotPlugin;
import akka.persistence.testkit.javadsl.PersistenceTestKit;
import com.typesafe.config.ConfigFactory;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.kilonova.compute.ComputeProtocol.Activate;
import org.kilonova.compute.ComputeProtocol.Activated;
import org.kilonova.compute.ComputeProtocol.Claim;
import org.kilonova.compute.ComputeProtocol.Claimed;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.Report;
import org.kilonova.compute.ComputeProtocol.Spawn;
import org.kilonova.compute.ComputeProtocol.Spawned;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.NetworkAllocated;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Command;
import org.kilonova.instance.InstanceProtocol.Get;
import org.kilonova.instance.InstanceProtocol.HostReported;
import org.kilonova.instance.InstanceProtocol.NetworksReady;
import org.kilonova.instance.InstanceProtocol.Nudge;
import org.kilonova.instance.InstanceProtocol.Refusal;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceProtocol.RequestInstance;
import org.kilonova.instance.InstanceProtocol.SchedulerAnswered;
import org.kilonova.instance.InstanceProtocol.Stop;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Failed;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.testing.LocalAkka;

/**
 * The actor itself, on a journal in memory that serialises what it is given, in time that the test
 * moves.
 */
class InstanceEntityTest {
  /** What the entity sends, for a probe to see. */
  private record Sent(Object message) {}

  /** Passes on what is sent. */
  private static final class Wire implements InstanceLinks {
    final TestProbe<Sent> probe;
    final Map<HostId, Hosts.Status> hosts = new ConcurrentHashMap<>();

    Wire(TestProbe<Sent> probe) {
      this.probe = probe;
    }

    @Override
    public Status status(HostId host) {
      return hosts.getOrDefault(host, Status.UP);
    }

    @Override
    public void askScheduler(Plan.AskScheduler ask) {
      probe.ref().tell(new Sent(ask));
    }

    @Override
    public void refusedBy(InstanceId id, Plan.RefusedBy refusal) {
      probe.ref().tell(new Sent(refusal));
    }

    @Override
    public void tellHost(Plan.TellHost message) {
      probe.ref().tell(new Sent(message.command()));
    }

    @Override
    public void allocateNetworks(
        InstanceId id,
        Attempt attempt,
        String projectId,
        HostId host,
        List<RequestedNetwork> networks,
        String requestId) {
      probe.ref().tell(new Sent(new Plan.AllocateNetworks(attempt, host)));
    }

    @Override
    public void releaseNetworks(InstanceId id, String requestId) {
      probe.ref().tell(new Sent(new Plan.ReleaseNetworks()));
    }
  }

  private static final ActorTestKit KIT =
      ActorTestKit.create(
          "InstanceEntityTest",
          ManualTime.config()
              .withFallback(PersistenceTestKitPlugin.getInstance().config())
              .withFallback(PersistenceTestKitSnapshotPlugin.config())
              .withFallback(
                  ConfigFactory.parseString(
                      """
                      akka.persistence.testkit.events.serialize = on
                      # Time that is moved by hours must not look like a slow journal.
                      akka.persistence.journal-plugin-fallback {
                        circuit-breaker.call-timeout = 10 days
                        recovery-event-timeout = 10 days
                      }
                      akka.persistence.snapshot-store-plugin-fallback.circuit-breaker.call-timeout = 10 days
                      """))
              .withFallback(LocalAkka.config()));
  private static final ManualTime TIME = ManualTime.get(KIT.system());
  private static final PersistenceTestKit JOURNAL = PersistenceTestKit.create(KIT.system());
  private final TestProbe<Sent> sent = KIT.createTestProbe();
  private final TestProbe<Reply> api = KIT.createTestProbe();
  private final TestProbe<ClusterSharding.ShardCommand> shard = KIT.createTestProbe();
  private final Wire wire = new Wire(sent);
  private final InstanceId id = InstanceId.random();
  private final InstanceSpec spec = TestSpecs.spec(id, List.of(Lab.NETWORK));
  private final String persistenceId = InstanceEntity.persistenceId(id).id();

  private volatile Instant now = Lab.START;
  private ActorRef<Command> instance;

  @BeforeEach
  void wake() {
    instance =
        KIT.spawn(
            InstanceEntity.create(
                id, shard.ref(), new InstanceEntity.Setup(Lab.SETTINGS, wire, () -> now)));
  }

  @AfterEach
  void stop() {
    KIT.stop(instance);
  }

  @AfterAll
  static void shutDown() {
    KIT.shutdownTestKit();
  }

  @Test
  void aSmoothBootIsSixWritesAndOneMessageForEachStep() {
    bootUpTo(Phase.ACTIVE);

    Accepted accepted = (Accepted) get();
    assertThat(JOURNAL.persistedInStorage(persistenceId))
        .hasExactlyElementsOfTypes(
            InstanceRequested.class,
            HostSelected.class,
            NetworkAllocated.class,
            BlockDevicesMapped.class,
            SpawnConfirmed.class,
            InstanceActivated.class);
    assertThat(accepted.state()).isInstanceOf(Active.class);
    assertThat(accepted.revision()).isEqualTo(6);
  }

  @Test
  void nothingIsSentWhenTheWriteFails() {
    JOURNAL.failNextPersisted(persistenceId);
    request();

    sent.expectNoMessage(Duration.ofMillis(50));
    api.expectNoMessage(Duration.ofMillis(50));
  }

  @Test
  void afterAFailedWriteItComesBackAndCanBeAskedAgain() {
    JOURNAL.failNextPersisted(persistenceId);
    request();

    api.awaitAssert(
        () -> {
          TIME.timePasses(Duration.ofSeconds(10)); // its backoff
          request();
          return api.expectMessageClass(Accepted.class, Duration.ofMillis(300));
        });
    expectSent(Plan.AskScheduler.class);
  }

  @Test
  void afterARestartItSendsAgainWhatIsPending() {
    bootUpTo(Phase.SPAWNING);

    restart();

    assertThat(expectSent(Spawn.class).domain().attempt()).isEqualTo(FIRST);
  }

  @Test
  void afterARestartPastTheCommitPointItResumesTheSameAttempt() {
    bootUpTo(Phase.ACTIVATING);

    restart();
    assertThat(expectSent(Activate.class).domain().attempt()).isEqualTo(FIRST);
    report(new Activated(id, FIRST, A, PowerState.RUNNING));

    assertThat(((Accepted) get()).state()).isInstanceOf(Active.class);
  }

  @Test
  void whatIsNotAnsweredIsSentAgainWithGrowingPauses() {
    request();
    expectSent(Plan.AskScheduler.class);
    long early = 0; // the timer may have been set so long before the end of the last round
    for (int pause : new int[] {1000, 2000, 4000, 8000, 15_000, 15_000}) {
      get(); // now its timer is set
      TIME.expectNoMessageFor(Duration.ofMillis(pause - early - 1), sent);
      long jitter = pause / 4;
      TIME.timePasses(Duration.ofMillis(early + jitter + 2));
      expectSent(Plan.AskScheduler.class);
      early = early + jitter + 2;
    }
  }

  @Test
  void aDeadlineStrikesOnTheTimerAlone() {
    request();
    expectSent(Plan.AskScheduler.class);

    pass(Lab.SETTINGS.bootDeadline());

    assertThat(((Accepted) get()).state()).isInstanceOf(Failed.class);
    List<Object> events = JOURNAL.persistedInStorage(persistenceId);
    assertThat(events.get(events.size() - 1)).isInstanceOf(BuildFailed.class);
  }

  @Test
  void aRestartDoesNotMoveTheDeadline() {
    request();
    pass(Lab.SETTINGS.bootDeadline().minusSeconds(60));
    restart();
    pass(Duration.ofSeconds(60));

    assertThat(((Accepted) get()).state()).isInstanceOf(Failed.class);
  }

  @Test
  void aNudgeMakesItLookAtItsHostAgain() {
    bootUpTo(Phase.SPAWNING);
    wire.hosts.put(A, Hosts.Status.GONE);

    instance.tell(new Nudge(0));

    Plan.AskScheduler ask = expectSent(Plan.AskScheduler.class);
    assertThat(ask.request().attempt()).isEqualTo(FIRST.next());
  }

  @Test
  void aCopyThatIsBehindItsJournalEnds() {
    bootUpTo(Phase.SPAWNING);
    TestProbe<Object> death = KIT.createTestProbe();

    instance.tell(new Nudge(5));

    death.expectTerminated(instance, Duration.ofSeconds(5));
  }

  @Test
  void aSettledInstanceLeavesMemoryAfterItsIdleTimeAndOneThatIsBusyDoesNot() {
    bootUpTo(Phase.ACTIVATING);
    pass(Lab.SETTINGS.idleTimeout().plusSeconds(5));
    shard.expectNoMessage(Duration.ofMillis(20));

    report(new Activated(id, FIRST, A, PowerState.RUNNING));
    get();
    now = now.plus(Lab.SETTINGS.idleTimeout()).plusSeconds(1);
    TIME.timePasses(Lab.SETTINGS.idleTimeout().plusSeconds(1));
    shard.expectMessageClass(ClusterSharding.Passivate.class);
  }

  @Test
  void anIdThatNeverWasIsNotFoundAndLeavesMemoryAtOnce() {
    assertThat(((Refused) get()).reason()).isEqualTo(Refusal.NOT_FOUND);
    shard.expectMessageClass(ClusterSharding.Passivate.class);
    assertThat(JOURNAL.persistedInStorage(persistenceId)).isEmpty();
  }

  @Test
  void itAlwaysObeysStop() {
    bootUpTo(Phase.SPAWNING);
    instance.tell(new Stop());
    KIT.createTestProbe().expectTerminated(instance, Duration.ofSeconds(5));
  }

  @Test
  void theSameRequestAgainIsAnsweredAndWritesNothing() {
    request();
    request();
    assertThat(api.expectMessageClass(Accepted.class).revision()).isEqualTo(1);
    Accepted again = api.expectMessageClass(Accepted.class);
    assertThat(again.revision()).isEqualTo(1);
    assertThat(again.state()).isInstanceOf(Building.class);
  }

  // ---- the story's words
  // ------------------------------------------------------------------------

  private void request() {
    tell(new RequestInstance(spec, BY_OWNER, now.plus(Duration.ofHours(1)), api.ref()));
  }

  private void bootUpTo(Phase phase) {
    request();
    api.expectMessageClass(Accepted.class);
    expectSent(Plan.AskScheduler.class);
    tell(
        new SchedulerAnswered(
            new HostsSelected(id, FIRST, Lab.candidate(A), List.of(), "all passed")));
    expectSent(Claim.class);
    report(new Claimed(id, FIRST, A));
    expectSent(Plan.AllocateNetworks.class);
    tell(new NetworksReady(FIRST, List.of(Lab.NIC)));
    expectSent(Spawn.class);
    if (phase == Phase.SPAWNING) {
      return;
    }
    report(new Spawned(id, FIRST, A));
    expectSent(Activate.class);
    if (phase == Phase.ACTIVATING) {
      return;
    }
    report(new Activated(id, FIRST, A, PowerState.RUNNING));
  }

  private void report(Report report) {
    tell(new HostReported(report));
  }

  /** As from another node. */
  private void tell(Command command) {
    instance.tell(KIT.serializationTestKit().verifySerialization(command, true));
  }

  /** Asks; what the entity did before is done when this returns. */
  private Reply get() {
    TestProbe<Reply> probe = KIT.createTestProbe();
    instance.tell(new Get(probe.ref()));
    return KIT.serializationTestKit().verifySerialization(probe.receiveMessage(), true);
  }

  private <T> T expectSent(Class<T> type) {
    Object message = sent.receiveMessage().message();
    if (message instanceof HostCommand command) {
      KIT.serializationTestKit().verifySerialization(command, true);
    }
    assertThat(message).isInstanceOf(type);
    return type.cast(message);
  }

  /** Stops it, as on a node that dies, and wakes it elsewhere. */
  private void restart() {
    KIT.stop(instance);
    forgetSent();
    wake();
  }

  /** Lets the clock and the timers run. */
  private void pass(Duration duration) {
    get(); // now its timer is set
    now = now.plus(duration);
    TIME.timePasses(duration);
    get();
  }

  private void forgetSent() {
    Sent marker = new Sent("up to here");
    sent.ref().tell(marker);
    while (!sent.receiveMessage().equals(marker)) {}
  }
}
