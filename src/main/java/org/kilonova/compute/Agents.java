package org.kilonova.compute;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.AskPattern;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeoutException;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.kernel.HostId;

/** Asks the agents of compute hosts, wherever they are. For any thread; nothing here waits. */
public final class Agents {
  private final ActorSystem<?> system;
  private final HostDirectory.View hosts;
  private final Duration timeout;

  /**
   * The way to the agents.
   *
   * @param timeout how long an agent may take to answer
   */
  public Agents(ActorSystem<?> system, HostDirectory.View hosts, Duration timeout) {
    this.system = system;
    this.hosts = hosts;
    this.timeout = timeout;
  }

  /**
   * Asks the agent of a host.
   *
   * @param question makes the question of whom to answer
   * @return the answer; fails with {@link AwayException} if the host is not there just now, and
   *     with {@link TimeoutException} if it does not answer in time
   */
  public <T> CompletionStage<T> ask(
      HostId host, akka.japi.function.Function<ActorRef<T>, Question> question) {
    ActorRef<HostCommand> agent =
        hosts
            .find(host)
            .filter(known -> known.presence() == HostDirectory.Presence.UP)
            .map(HostDirectory.Known::agent)
            .orElse(null);
    if (agent == null) {
      return CompletableFuture.failedFuture(new AwayException());
    }
    return AskPattern.ask(agent, question::apply, timeout, system.scheduler());
  }

  /** The host is not there just now. */
  public static final class AwayException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    AwayException() {
      super("The host of the instance is not there just now.");
    }
  }
}
