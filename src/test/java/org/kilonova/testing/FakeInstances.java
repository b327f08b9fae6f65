package org.kilonova.testing;

import akka.actor.typed.ActorRef;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.kilonova.instance.InstanceDecider;
import org.kilonova.instance.InstanceDecider.Decision;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Refusal;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceProtocol.RequestInstance;
import org.kilonova.instance.InstanceSettings;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceTransitions;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.InstanceRow;

/** Instances in memory that decide as the real ones do, but never move by themselves. */
public final class FakeInstances implements Instances {
  private final Map<InstanceId, InstanceState> states = new HashMap<>();
  private final Map<InstanceId, List<Recorded>> journals = new HashMap<>();
  private final InstanceDecider decider =
      new InstanceDecider(
          new InstanceSettings(
              "cloud",
              Duration.ofMinutes(10),
              Duration.ofMinutes(10),
              Duration.ofMinutes(1),
              3,
              Duration.ofSeconds(1),
              Duration.ofSeconds(15),
              Duration.ofMinutes(2)));
  private final InstantSource clock;
  private final Consumer<InstanceRow> onChange;

  /** Launch indexes of a multiple create that are refused, or not answered. */
  public final Set<Integer> refusing = new HashSet<>();

  public final Set<Integer> silent = new HashSet<>();

  /**
   * If set, the first reply to each request is lost: this happens meanwhile, and the request is
   * repeated.
   */
  public Consumer<InstanceId> lostReply;

  /** Of those nobody answers. */
  public final Set<InstanceId> away = new HashSet<>();

  public String console = "";

  public FakeInstances(InstantSource clock, Consumer<InstanceRow> onChange) {
    this.clock = clock;
    this.onChange = onChange;
  }

  @Override
  public synchronized InstanceProtocol.Reply request(
      InstanceId id, Function<ActorRef<InstanceProtocol.Reply>, InstanceProtocol.Request> message) {
    if (away.contains(id)) {
      throw new UnavailableException("no answer");
    }
    InstanceProtocol.Request request = message.apply(null);
    if (request instanceof RequestInstance r) {
      if (silent.contains(r.spec().launchIndex())) {
        throw new UnavailableException("no answer");
      }
      if (refusing.contains(r.spec().launchIndex())) {
        return new Refused(Refusal.EXPIRED, "too late");
      }
    }
    if (lostReply != null && decide(id, request) instanceof Accepted) {
      lostReply.accept(id);
    }
    return decide(id, request);
  }

  private InstanceProtocol.Reply decide(InstanceId id, InstanceProtocol.Request request) {
    InstanceState state = states.getOrDefault(id, new Absent());
    Decision decision = decider.decide(state, request, clock.instant(), journal(id).size() + 1);
    if (decision.refused() != null) {
      return decision.refused();
    }
    decision.events().forEach(event -> happen(id, event));
    return new Accepted((Present) states.get(id), journal(id).size());
  }

  /** What else happens to an instance. */
  public synchronized void happen(InstanceId id, InstanceEvent... events) {
    for (InstanceEvent event : events) {
      Present after =
          (Present) InstanceTransitions.apply(states.getOrDefault(id, new Absent()), event);
      states.put(id, after);
      journal(id).add(new Recorded(journal(id).size() + 1, event));
      onChange.accept(new InstanceRow(after, journal(id).size()));
    }
  }

  private List<Recorded> journal(InstanceId id) {
    return journals.computeIfAbsent(id, i -> new ArrayList<>());
  }

  public synchronized InstanceState state(InstanceId id) {
    return states.getOrDefault(id, new Absent());
  }

  public synchronized Set<InstanceId> ids() {
    return Set.copyOf(states.keySet());
  }

  @Override
  public synchronized List<Recorded> history(InstanceId id) {
    return List.copyOf(journal(id));
  }

  @Override
  public Map<String, Long> diagnostics(Present state) {
    return Map.of("memory", state.instance().spec().flavor().memoryMb() * 1024);
  }

  @Override
  public byte[] consoleOutput(Present state, int maxBytes) {
    return console.getBytes(StandardCharsets.UTF_8);
  }
}
