package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.Address;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.Props;
import akka.actor.typed.javadsl.Behaviors;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import com.typesafe.config.ConfigFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.persistence.Database;
import org.kilonova.testing.FreePorts;
import org.kilonova.testing.PostgresExtension;

/** Who founds a cluster, and who never does. */
@ExtendWith(PostgresExtension.class)
class MembershipIT {
  private final Database.Settings database;
  private final List<ActorSystem<Void>> systems = new ArrayList<>();
  private final List<AdvisoryLock> locks = new ArrayList<>();

  MembershipIT(Database.Settings database) {
    this.database = database;
  }

  @AfterEach
  void close() {
    systems.forEach(ActorSystem::terminate);
    systems.forEach(s -> s.getWhenTerminated().toCompletableFuture().join());
    locks.forEach(AdvisoryLock::close);
  }

  @Test
  void threeThatStartTogetherAreOneCluster_whoeverFoundsIt() {
    List<Integer> ports = ports(3);
    ports.forEach(own -> start(own, ports));
    systems.forEach(s -> TestCloud.await(() -> up(s), n -> n == 3));
  }

  @Test
  void theFirstSeedFoundsNothingBehindACut() {
    List<Integer> ports = ports(3);
    ActorSystem<Void> first = start(ports.get(0), ports);
    staysOut(first);
    start(ports.get(2), ports);
    TestCloud.await(() -> up(first), n -> n == 2);
  }

  /** It reaches enough of the others, but somebody whom it does not reach is in a cluster. */
  @Test
  void nobodyFoundsASecondCluster() {
    AdvisoryLock member = Membership.lock(database);
    locks.add(member);
    assertThat(member.hold(AdvisoryLock.Mode.SHARED)).isTrue();
    List<Integer> ports = ports(1);
    ActorSystem<Void> alone = start(ports.get(0), ports);
    staysOut(alone);
    member.release();
    TestCloud.await(() -> up(alone), n -> n == 1);
    TestCloud.await(() -> member.hold(AdvisoryLock.Mode.EXCLUSIVE), had -> !had);
  }

  /** The founder has to have the lock alone all the time, whatever its other looks come to. */
  @Test
  void noLookIsUnderWayWhileAnotherMayFound() {
    List<Integer> ports = ports(3);
    CompletableFuture<Boolean> slowAnswer = new CompletableFuture<>();
    AtomicBoolean asked = new AtomicBoolean();
    Predicate<Address> reaches =
        seed -> seed.equals(address(ports.get(1))) && (asked.getAndSet(true) || slowAnswer.join());
    ActorSystem<Void> alone = start(ports.get(0), ports, reaches, "1 s");
    TestCloud.await(asked::get, a -> a);
    staysOut(alone);
    slowAnswer.complete(false);
    TestCloud.await(() -> up(alone), n -> n == 1);
  }

  @Test
  void whoFoundsKeepsTheLock_alsoIfTheOthersAreNotReachedAnyMore() {
    AdvisoryLock other = Membership.lock(database);
    locks.add(other);
    List<Integer> ports = ports(3);
    AtomicBoolean asked = new AtomicBoolean();
    Predicate<Address> once = seed -> seed.equals(address(ports.get(1))) && !asked.getAndSet(true);
    ActorSystem<Void> founder = start(ports.get(0), ports, once, "4 s");
    TestCloud.await(asked::get, a -> a);
    TestCloud.await(
        () -> {
          assertThat(other.hold(AdvisoryLock.Mode.EXCLUSIVE)).isFalse();
          return up(founder);
        },
        n -> n == 1);
  }

  private static long up(ActorSystem<Void> system) {
    return java.util.stream.StreamSupport.stream(
            Cluster.get(system).state().getMembers().spliterator(), false)
        .filter(m -> m.status().equals(MemberStatus.up()))
        .count();
  }

  /** For longer than Akka's first seed would wait for the others, which is a second here. */
  private static void staysOut(ActorSystem<Void> system) {
    long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(4);
    while (System.nanoTime() < until) {
      assertThat(up(system)).isZero();
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50));
    }
  }

  private ActorSystem<Void> start(int port, List<Integer> seeds) {
    return start(port, seeds, Membership::reaches, "1 s");
  }

  private ActorSystem<Void> start(
      int port, List<Integer> seeds, Predicate<Address> reaches, String seedNodeTimeout) {
    ActorSystem<Void> system =
        ActorSystem.create(
            Behaviors.empty(),
            "kilonova",
            ConfigFactory.load(
                ConfigFactory.parseString(
                        """
                        kilonova.cluster.port = %d
                        akka.cluster.roles = [controller]
                        akka.cluster.seed-node-timeout = %s
                        akka.coordinated-shutdown.exit-jvm = off
                        """
                            .formatted(port, seedNodeTimeout))
                    .withFallback(ConfigFactory.parseResources("application.conf"))));
    systems.add(system);
    system.systemActorOf(
        Membership.create(
            new Membership.Setup(
                address(port),
                seeds.stream().map(MembershipIT::address).toList(),
                Membership.lock(database),
                reaches,
                Executors.newVirtualThreadPerTaskExecutor(),
                Clock.system())),
        "membership",
        Props.empty());
    return system;
  }

  private static Address address(int port) {
    return new Address("akka", "kilonova", "127.0.0.1", port);
  }

  private static List<Integer> ports(int count) {
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      ports.add(FreePorts.next());
    }
    return ports;
  }
}
