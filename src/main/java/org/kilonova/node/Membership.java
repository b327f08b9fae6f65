package org.kilonova.node;

import static org.kilonova.persistence.AdvisoryLock.Mode.EXCLUSIVE;
import static org.kilonova.persistence.AdvisoryLock.Mode.SHARED;

import akka.actor.Address;
import akka.actor.CoordinatedShutdown;
import akka.actor.typed.Behavior;
import akka.actor.typed.PostStop;
import akka.actor.typed.javadsl.AbstractBehavior;
import akka.actor.typed.javadsl.ActorContext;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.javadsl.Receive;
import akka.cluster.Member;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import akka.cluster.typed.JoinSeedNodes;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.StreamSupport;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.persistence.Database;

/**
 * How this process gets into the cluster. A compute process joins the one that there is; so does a
 * controller, but one of them has to found it.
 *
 * <p>Akka alone lets the first of the seeds found a cluster when the others do not answer for some
 * seconds. One that was cut off and removed, and was started again behind the same cut, would found
 * a second cluster on the same database, and two clusters never become one again. So a controller
 * founds one only if
 *
 * <ul>
 *   <li>no controller that reaches the database is in a cluster: each that is in one shares a lock
 *       there, which a founder has to have alone; and
 *   <li>it reaches most of the seeds, or half of them with the first: the others cannot go on
 *       without it somewhere from where the database cannot be reached. One of them that is in a
 *       cluster is joined.
 * </ul>
 *
 * <p>A compute process whose controllers have all left (they were stopped, or removed each other)
 * is in a cluster that nobody will join again: it ends as one that was removed, so that it is
 * started again and joins the next.
 */
final class Membership extends AbstractBehavior<Membership.Command> {
  private static final long LOCK = 0x6b696c6f_00000003L;
  private static final Duration INTERVAL = Duration.ofSeconds(1);
  private static final Duration CONNECT = Duration.ofSeconds(1);

  /** Longer than the news of a controller that joins takes, however busy the machine is. */
  private static final Duration WITHOUT_CONTROLLERS = Duration.ofSeconds(15);

  /** What it hears. */
  sealed interface Command {}

  private record Look() implements Command {}

  private record Looked(boolean held) implements Command {}

  /**
   * What it works with.
   *
   * @param self this process's address
   * @param seeds of all controllers, the same list everywhere
   * @param lock of those that are in a cluster; null on a compute process
   * @param reaches whether somebody accepts connections at an address; blocks
   * @param blocking where blocking work runs
   */
  record Setup(
      Address self,
      List<Address> seeds,
      AdvisoryLock lock,
      Predicate<Address> reaches,
      Executor blocking,
      InstantSource clock) {}

  private final Setup setup;
  private final Cluster cluster;
  private final List<Address> others;
  private boolean looking;
  private boolean founding;
  private Instant controllersSeen;

  /** The lock that {@link Setup} wants on a controller. */
  static AdvisoryLock lock(Database.Settings database) {
    return new AdvisoryLock(database, "kilonova-member", LOCK);
  }

  static Behavior<Command> create(Setup setup) {
    return Behaviors.setup(
        context ->
            Behaviors.withTimers(
                timers -> {
                  timers.startTimerWithFixedDelay(new Look(), Duration.ZERO, INTERVAL);
                  return new Membership(context, setup);
                }));
  }

  private Membership(ActorContext<Command> context, Setup setup) {
    super(context);
    this.setup = setup;
    this.cluster = Cluster.get(context.getSystem());
    this.controllersSeen = setup.clock().instant();
    this.others = new ArrayList<>(setup.seeds());
    others.remove(setup.self());
    if (!others.isEmpty()) {
      join(others);
    }
  }

  private void join(List<Address> seeds) {
    cluster.manager().tell(new JoinSeedNodes(seeds));
  }

  @Override
  public Receive<Command> createReceive() {
    return newReceiveBuilder()
        .onMessage(Look.class, m -> setup.lock() == null ? lookForControllers() : look())
        .onMessage(Looked.class, this::onLooked)
        .onSignal(
            PostStop.class,
            s -> {
              if (setup.lock() != null) {
                setup.blocking().execute(setup.lock()::close);
              }
              return this;
            })
        .build();
  }

  // ---- on a controller ------------------------------------------------------------------------

  private Behavior<Command> look() {
    MemberStatus status = cluster.selfMember().status();
    if (looking || cluster.isTerminated()) {
      return this;
    }
    if (status.equals(MemberStatus.removed())) { // not yet in any
      look(founding ? () -> setup.lock().hold(EXCLUSIVE) : this::mayFound);
    } else if (status.equals(MemberStatus.up())) {
      look(() -> setup.lock().hold(SHARED));
    }
    return this;
  }

  /**
   * One at a time. An earlier look that is still under way, and in the end gives the lock back,
   * would take it away from a later one that may found: two founders, two clusters.
   */
  private void look(Supplier<Boolean> blockingly) {
    looking = true;
    getContext()
        .pipeToSelf(
            CompletableFuture.supplyAsync(blockingly, setup.blocking()),
            (held, failure) -> new Looked(failure == null && held));
  }

  private Behavior<Command> onLooked(Looked looked) {
    looking = false;
    if (!cluster.selfMember().status().equals(MemberStatus.removed()) || cluster.isTerminated()) {
      return this;
    }
    if (looked.held() && !founding) {
      founding = true;
      getContext()
          .getLog()
          .info("nobody is in a cluster: founding one, unless a seed knows better");
      List<Address> seeds = new ArrayList<>(List.of(setup.self()));
      seeds.addAll(others);
      join(seeds); // the first may join itself, when the others have had their chance
    } else if (!looked.held() && founding) {
      getContext().getLog().warn("lost the right to found a cluster: starting over");
      CoordinatedShutdown.get(getContext().getSystem())
          .runAll(CoordinatedShutdown.clusterJoinUnsuccessfulReason());
    }
    return this;
  }

  /** Blocks. If so, the lock stays ours alone until the cluster is there. */
  private boolean mayFound() {
    if (setup.lock().hold(EXCLUSIVE) && reachesEnough()) {
      return true;
    }
    setup.lock().release();
    return false;
  }

  private boolean reachesEnough() {
    List<CompletableFuture<Boolean>> answers =
        setup.seeds().stream()
            .map(
                seed ->
                    seed.equals(setup.self())
                        ? CompletableFuture.completedFuture(true)
                        : CompletableFuture.supplyAsync(
                            () -> setup.reaches().test(seed), setup.blocking()))
            .toList();
    return isEnough(answers.stream().map(CompletableFuture::join).toList());
  }

  /**
   * Whether those who were reached, in the order of the seeds, are enough to found a cluster: as
   * many as the split-brain resolver lets go on.
   */
  static boolean isEnough(List<Boolean> reached) {
    long there = reached.stream().filter(r -> r).count();
    return 2 * there > reached.size() || (2 * there == reached.size() && reached.getFirst());
  }

  /** Whether somebody accepts connections there; blocks for a second at most. */
  static boolean reaches(Address seed) {
    try (Socket socket = new Socket()) {
      socket.connect(
          new InetSocketAddress(seed.getHost().get(), (Integer) seed.getPort().get()),
          (int) CONNECT.toMillis());
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  // ---- on a compute process -------------------------------------------------------------------

  private Behavior<Command> lookForControllers() {
    Instant now = setup.clock().instant();
    boolean there =
        StreamSupport.stream(cluster.state().getMembers().spliterator(), false)
            .anyMatch(Membership::isController);
    if (there || !cluster.selfMember().status().equals(MemberStatus.up())) {
      controllersSeen = now;
    } else if (now.isAfter(controllersSeen.plus(WITHOUT_CONTROLLERS))) {
      getContext().getLog().warn("all controllers have left this cluster: looking for another one");
      controllersSeen = now;
      CoordinatedShutdown.get(getContext().getSystem())
          .runAll(CoordinatedShutdown.clusterDowningReason());
    }
    return this;
  }

  private static boolean isController(Member member) {
    return member.hasRole("controller");
  }
}
