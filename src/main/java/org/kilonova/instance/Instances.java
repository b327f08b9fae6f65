package org.kilonova.instance;

import akka.actor.typed.ActorRef;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.kilonova.kernel.InstanceId;

/** The way to instances, wherever they live, for the API and other edges. All methods block. */
public interface Instances {
  /**
   * Sends a request and waits for the answer, sending the same again while none comes (requests are
   * idempotent). Before it returns an {@link InstanceProtocol.Accepted}, the read model shows it,
   * on every node.
   *
   * @throws UnavailableException if no answer came in time; then it is unknown whether it was done
   */
  InstanceProtocol.Reply request(
      InstanceId id, Function<ActorRef<InstanceProtocol.Reply>, InstanceProtocol.Request> message);

  /** The instance's journal, oldest first; empty if it never was. Reads the database. */
  List<Recorded> history(InstanceId id);

  /**
   * The tail of the serial console's log, asked of the instance's host.
   *
   * @throws UnavailableException if the host is not there or does not answer
   */
  byte[] consoleOutput(InstanceState.Present state, int maxBytes);

  /**
   * A running instance's counters, asked of its host; see {@code HypervisorDriver#diagnostics}.
   *
   * @throws UnavailableException if the host is not there or does not answer
   */
  Map<String, Long> diagnostics(InstanceState.Present state);

  /** An event and its place in the journal (1 first). */
  record Recorded(long sequenceNumber, InstanceEvent event) {}

  /** No answer in time. */
  final class UnavailableException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public UnavailableException(String message) {
      super(message);
    }
  }
}
