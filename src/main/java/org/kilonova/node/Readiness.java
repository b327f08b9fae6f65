package org.kilonova.node;

import akka.actor.typed.ActorSystem;
import akka.cluster.MemberStatus;
import akka.cluster.typed.Cluster;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a controller has once been able to do its work: it is in the cluster, an instance has
 * answered it, and so has the scheduler. From then on it stays ready: while the scheduler or a
 * shard moves, all controllers would be unready at once, although most requests need neither.
 */
final class Readiness {
  private static final Logger LOG = LoggerFactory.getLogger(Readiness.class);
  private static final Duration LOOK = Duration.ofMillis(100);

  private final ActorSystem<Void> system;
  private final Runnable probe;
  private final Executor blocking;
  private volatile boolean ready;

  private Readiness(ActorSystem<Void> system, Runnable probe, Executor blocking) {
    this.system = system;
    this.probe = probe;
    this.blocking = blocking;
  }

  /**
   * Looks from now on, until it is.
   *
   * @param probe asks them, and fails if one does not answer; blocks
   */
  static Readiness of(ActorSystem<Void> system, Runnable probe, Executor blocking) {
    Readiness readiness = new Readiness(system, probe, blocking);
    readiness.look();
    return readiness;
  }

  boolean isReady() {
    return ready;
  }

  private void look() {
    Cluster cluster = Cluster.get(system);
    if (cluster.isTerminated()) {
      return;
    }
    if (!cluster.selfMember().status().equals(MemberStatus.up())) {
      again();
      return;
    }
    CompletableFuture.runAsync(probe, blocking)
        .whenComplete(
            (answered, failure) -> {
              if (failure == null) {
                ready = true;
                LOG.info("in the cluster, and ready");
              } else {
                LOG.debug("not ready yet: {}", failure.toString());
                again();
              }
            });
  }

  private void again() {
    system.scheduler().scheduleOnce(LOOK, this::look, system.executionContext());
  }
}
