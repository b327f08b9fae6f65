package org.kilonova.console;

import akka.actor.typed.ActorRef;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import org.kilonova.compute.Agents;
import org.kilonova.compute.ComputeProtocol.FindVncConsole;
import org.kilonova.compute.ComputeProtocol.OpenVncConsole;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.compute.ComputeProtocol.VncConsoleFound;
import org.kilonova.compute.ComputeProtocol.VncConsoleOpened;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.UnavailableException;
import org.kilonova.kernel.InstanceId;

/** {@link Displays} by the agents of the hosts. */
public final class ClusterDisplays implements Displays {
  private final Agents agents;

  public ClusterDisplays(Agents agents) {
    this.agents = agents;
  }

  @Override
  public VncConsoleFound find(Present state) {
    InstanceId id = state.instance().id();
    return ask(state, replyTo -> new FindVncConsole(id, replyTo));
  }

  @Override
  public VncConsoleOpened open(Present state) {
    InstanceId id = state.instance().id();
    return ask(state, replyTo -> new OpenVncConsole(id, replyTo));
  }

  private <T> T ask(Present state, akka.japi.function.Function<ActorRef<T>, Question> question) {
    try {
      return agents.ask(state.instance().placement().host(), question).toCompletableFuture().join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof Agents.AwayException
          || e.getCause() instanceof TimeoutException) {
        throw new UnavailableException(
            "The host of instance " + state.instance().id() + " does not answer just now.");
      }
      throw e;
    }
  }
}
