package org.kilonova.readmodel;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Adapter;
import akka.cluster.Cluster;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.EntityRef;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.compute.Agents;
import org.kilonova.compute.ComputeProtocol.ConsoleAnswer;
import org.kilonova.compute.ComputeProtocol.DiagnosticsAnswer;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.compute.ComputeProtocol.ReadConsole;
import org.kilonova.compute.ComputeProtocol.ReadDiagnostics;
import org.kilonova.instance.InstanceEntity;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceProtocol.Request;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.GroupCommit;

/** {@link Instances} over cluster sharding, with the row written before an answer is passed on. */
public final class ShardedInstances implements Instances {
  /** Rows of one transaction. */
  private static final int GROUP = 64;

  private final GroupCommit<InstanceRow, Boolean> rows;
  private final ClusterSharding sharding;
  private final Jdbi jdbi;
  private final JournalReader journal;
  private final Agents agents;
  private final InstantSource clock;
  private final Duration askTimeout;
  private final Duration patience;

  /** Asked and not answered. */
  private final Set<CompletableFuture<?>> waiting = ConcurrentHashMap.newKeySet();

  private volatile boolean removed;

  /**
   * The way to instances.
   *
   * @param askTimeout after so long without an answer the same is sent again
   * @param patience after so long it is given up. Whoever is cut off with a minority waits so long
   *     as well: it cannot be told from a fail-over, after which the answer is mostly a good one,
   *     and until it comes the instance may have been asked and may yet do it
   */
  public ShardedInstances(
      ActorSystem<?> system,
      Jdbi jdbi,
      JournalReader journal,
      Agents agents,
      InstantSource clock,
      Duration askTimeout,
      Duration patience) {
    this.sharding = ClusterSharding.get(system);
    this.jdbi = jdbi;
    this.journal = journal;
    this.agents = agents;
    this.clock = clock;
    this.askTimeout = askTimeout;
    this.patience = patience;
    this.rows = new GroupCommit<>(GROUP, this::write);
    Cluster.get(Adapter.toClassic(system)).registerOnMemberRemoved(this::giveUp);
  }

  /**
   * This process is in no cluster any more: nobody will answer it, and its end waits for those that
   * it has not answered.
   */
  private void giveUp() {
    removed = true;
    waiting.forEach(answer -> answer.completeExceptionally(new TimeoutException("removed")));
  }

  private List<Boolean> write(List<InstanceRow> rows) {
    jdbi.useTransaction(
        handle -> {
          // The journal has what these say. If PostgreSQL dies and forgets them, the projector
          // writes them again.
          handle.execute("SET LOCAL synchronous_commit = off");
          InstanceRows.upsert(handle, rows);
        });
    return Collections.nCopies(rows.size(), true);
  }

  @Override
  public Reply request(InstanceId id, Function<ActorRef<Reply>, Request> message) {
    EntityRef<InstanceProtocol.Command> entity =
        sharding.entityRefFor(InstanceEntity.TYPE_KEY, id.toString());
    Instant giveUp = clock.instant().plus(patience);
    while (true) {
      try {
        Reply reply = await(entity.ask(message::apply, askTimeout).toCompletableFuture());
        if (reply instanceof Accepted accepted) {
          // Read your writes: on any node, in lists too.
          rows.write(new InstanceRow(accepted.state(), accepted.revision()));
        }
        return reply;
      } catch (UnavailableException e) {
        if (removed || !clock.instant().isBefore(giveUp)) {
          throw e;
        }
      }
    }
  }

  @Override
  public List<Recorded> history(InstanceId id) {
    return jdbi.withHandle(handle -> journal.history(handle, id));
  }

  @Override
  public byte[] consoleOutput(InstanceState.Present state, int maxBytes) {
    ConsoleAnswer read =
        ask(state, replyTo -> new ReadConsole(state.instance().id(), maxBytes, replyTo));
    if (read.bytes() == null) {
      throw new UnavailableException(read.error());
    }
    return read.bytes();
  }

  @Override
  public Map<String, Long> diagnostics(InstanceState.Present state) {
    DiagnosticsAnswer read =
        ask(state, replyTo -> new ReadDiagnostics(state.instance().id(), replyTo));
    if (read.counters() == null) {
      throw new UnavailableException(read.error());
    }
    return read.counters();
  }

  /** Asks the agent of the instance's host. */
  private <T> T ask(
      InstanceState.Present state, akka.japi.function.Function<ActorRef<T>, Question> question) {
    return join(agents.ask(state.instance().placement().host(), question));
  }

  private <T> T await(CompletableFuture<T> answer) {
    waiting.add(answer);
    try {
      if (removed) { // and may not have been seen there
        answer.completeExceptionally(new TimeoutException("removed"));
      }
      return join(answer);
    } finally {
      waiting.remove(answer);
    }
  }

  private static <T> T join(CompletionStage<T> stage) {
    try {
      return stage.toCompletableFuture().join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof Agents.AwayException away) {
        throw new UnavailableException(away.getMessage());
      }
      if (e.getCause() instanceof TimeoutException) {
        throw new UnavailableException("No answer in time; it is not known whether it was done.");
      }
      throw e;
    }
  }
}
