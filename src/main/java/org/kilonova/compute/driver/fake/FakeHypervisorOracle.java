package org.kilonova.compute.driver.fake;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.fake.FakeHypervisor.Line;
import org.kilonova.compute.driver.fake.FakeHypervisor.Transition;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/**
 * Knows what really happened on all simulated hosts, since it reads the fake hypervisors' own files
 * and believes no agent and no database. For tests that kill processes and for simulations; looking
 * is allowed at any time, a domain that changes meanwhile is seen before or after the change.
 */
public final class FakeHypervisorOracle {
  private final Path dir;

  /**
   * An oracle of a whole simulated cloud.
   *
   * @param dir the directory that holds one for each host (see {@link FakeDriver.Settings#dir})
   */
  public FakeHypervisorOracle(Path dir) {
    this.dir = dir;
  }

  /** A domain and where it is. */
  public record Found(HostId host, DomainInfo domain) {}

  /**
   * Something that must never be: an instance that ran in two places, or in two attempts, at once.
   *
   * @param at when the second one began to run
   */
  public record TwiceRunning(InstanceId id, Instant at, Set<String> places) {}

  /** The hosts there are. */
  public List<HostId> hosts() {
    if (!Files.isDirectory(dir)) {
      return List.of();
    }
    try (Stream<Path> dirs = Files.list(dir)) {
      return dirs.filter(Files::isDirectory)
          .map(d -> new HostId(d.getFileName().toString()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All domains of all hosts. */
  public List<Found> domains() {
    List<Found> found = new ArrayList<>();
    for (HostId host : hosts()) {
      FakeHypervisor.read(dirOf(host)).forEach(d -> found.add(new Found(host, d)));
    }
    return found;
  }

  /** The domains of one instance, wherever they are. */
  public List<Found> domains(InstanceId id) {
    return domains().stream().filter(f -> f.domain().uuid().equals(id)).toList();
  }

  /** The hosts on which an instance runs now. */
  public List<HostId> running(InstanceId id) {
    return domains(id).stream()
        .filter(f -> f.domain().power() == PowerState.RUNNING)
        .map(Found::host)
        .toList();
  }

  /** How often an instance was set running: resumed for the first time, or started again. */
  public long starts(InstanceId id) {
    return hosts().stream()
        .flatMap(host -> FakeHypervisor.readLog(dirOf(host)).stream())
        .filter(line -> line.id().equals(id) && line.what() == Transition.RUNNING)
        .count();
  }

  /** Disks that no domain uses: what a spawn or a removal has left behind. */
  public Map<HostId, List<InstanceId>> leakedDisks() {
    Map<HostId, List<InstanceId>> leaked = new LinkedHashMap<>();
    for (HostId host : hosts()) {
      List<InstanceId> disks = new ArrayList<>(FakeHypervisor.readDisks(dirOf(host)));
      FakeHypervisor.read(dirOf(host)).forEach(d -> disks.remove(d.uuid()));
      if (!disks.isEmpty()) {
        leaked.put(host, disks);
      }
    }
    return leaked;
  }

  /**
   * Every time in the whole history that an instance ran twice at once. Hosts are simulated on one
   * machine, so their logs have one clock.
   */
  public List<TwiceRunning> twiceRunning() {
    record Event(HostId host, Line line) {}
    List<Event> events = new ArrayList<>();
    for (HostId host : hosts()) {
      FakeHypervisor.readLog(dirOf(host)).forEach(line -> events.add(new Event(host, line)));
    }
    events.sort(Comparator.comparing(e -> e.line().at())); // stable: a host's own order stays
    Map<InstanceId, Set<String>> running = new HashMap<>();
    List<TwiceRunning> found = new ArrayList<>();
    for (Event event : events) {
      Line line = event.line();
      Set<String> places = running.computeIfAbsent(line.id(), i -> new LinkedHashSet<>());
      String place = place(event.host(), line.attempt());
      if (line.what().power() != PowerState.RUNNING) {
        places.remove(place);
      } else if (places.add(place) && places.size() > 1) {
        found.add(new TwiceRunning(line.id(), line.at(), Set.copyOf(places)));
      }
    }
    return found;
  }

  private static String place(HostId host, Attempt attempt) {
    return host + " attempt " + attempt;
  }

  private Path dirOf(HostId host) {
    return dir.resolve(host.name());
  }
}
