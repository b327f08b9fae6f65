package org.kilonova.compute.driver.fake;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/**
 * The domains of one simulated host, kept outside the agent's process as a real hypervisor keeps
 * them, so that they survive {@code kill -9} of the agent and another process can look at them.
 *
 * <p>All of it is one file, {@code log}: a line for every {@link Transition} that ever was. What
 * there is now is what the lines add up to. A line is one write; the last one may be cut off by a
 * kill, and then that never happened. (A file for each domain would be easier to look at, but a
 * file system takes longer to find room for thousands of new files than all else takes that a boot
 * does.) A disk is made before the domain and removed after it, as with real drivers, so that what
 * is left without a domain is a leak that can be counted.
 *
 * <p>Nothing is forced to disk, since it is the agent that dies here and not the machine. One
 * process at a time serves a host; it reads the file when it opens it and never again.
 */
public final class FakeHypervisor implements AutoCloseable {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private static final String LOG = "log";

  /** What happens to a domain, or to its disk. */
  public enum Transition {
    DISK_MADE(null),
    DEFINED(PowerState.SHUTDOWN),
    PAUSED(PowerState.PAUSED),
    RUNNING(PowerState.RUNNING),
    /** A guest that reboots in place goes on running. */
    OFF(PowerState.SHUTDOWN),
    DESTROYED(PowerState.NOSTATE),
    DISK_REMOVED(null);

    private final PowerState power;

    Transition(PowerState power) {
      this.power = power;
    }

    /** The state that it leads to; null for what happens to a disk. */
    public PowerState power() {
      return power;
    }
  }

  /**
   * A line of the log.
   *
   * @param at to the microsecond
   * @param domain as it was {@link Transition#DEFINED}; null for the others
   */
  public record Line(
      Instant at, InstanceId id, Attempt attempt, Transition what, DomainInfo domain) {
    private String text() throws IOException {
      long micros = ChronoUnit.MICROS.between(Instant.EPOCH, at);
      String text = micros + " " + id + " " + attempt + " " + what.name().toLowerCase(Locale.ROOT);
      return (domain == null ? text : text + " " + JSON.writeValueAsString(domain)) + "\n";
    }

    private static Optional<Line> parse(String text) {
      String[] words = text.split(" ", 5);
      if (words.length < 4) {
        return Optional.empty(); // cut off by a kill
      }
      try {
        Transition what = Transition.valueOf(words[3].toUpperCase(Locale.ROOT));
        return Optional.of(
            new Line(
                Instant.EPOCH.plus(Long.parseLong(words[0]), ChronoUnit.MICROS),
                InstanceId.of(words[1]),
                new Attempt(Integer.parseInt(words[2])),
                what,
                what == Transition.DEFINED ? JSON.readValue(words[4], DomainInfo.class) : null));
      } catch (IllegalArgumentException | IndexOutOfBoundsException | IOException e) {
        return Optional.empty();
      }
    }
  }

  /** What is there. */
  private static final class Contents {
    private final Map<InstanceId, DomainInfo> domains = new ConcurrentHashMap<>();
    private final Map<String, InstanceId> names = new ConcurrentHashMap<>();
    private final Map<InstanceId, Attempt> disks = new ConcurrentHashMap<>();

    Contents(List<Line> lines) {
      lines.forEach(this::apply);
    }

    void apply(Line line) {
      switch (line.what()) {
        case DISK_MADE -> disks.put(line.id(), line.attempt());
        case DISK_REMOVED -> disks.remove(line.id());
        case DEFINED -> {
          domains.put(line.id(), line.domain());
          names.put(line.domain().name(), line.id());
        }
        case DESTROYED -> {
          DomainInfo gone = domains.remove(line.id());
          if (gone != null) {
            names.remove(gone.name(), line.id());
          }
        }
        case PAUSED, RUNNING, OFF ->
            domains.computeIfPresent(
                line.id(), (id, domain) -> withPower(domain, line.what().power()));
      }
    }
  }

  private final InstantSource clock;
  private final FileChannel log;
  private final ReentrantLock lock = new ReentrantLock();
  private final Contents contents;

  /** Opens the host that lies in {@code dir}, or makes an empty one. */
  public FakeHypervisor(Path dir, InstantSource clock) {
    this.clock = clock;
    try {
      Files.createDirectories(dir);
      contents = new Contents(lines(dir));
      log =
          FileChannel.open(dir.resolve(LOG), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      endCutLine(dir);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** So that what a kill cut off does not spoil the next line. */
  private void endCutLine(Path dir) throws IOException {
    if (log.size() > 0) {
      byte[] all = Files.readAllBytes(dir.resolve(LOG));
      if (all[all.length - 1] != '\n') {
        log.write(ByteBuffer.wrap(new byte[] {'\n'}));
      }
    }
  }

  // ---- looking from outside, while an agent works there or after it died ----------------------

  /** A host's domains. */
  public static List<DomainInfo> read(Path dir) {
    return List.copyOf(new Contents(lines(dir)).domains.values());
  }

  /** The instances of which a disk lies on a host. */
  public static List<InstanceId> readDisks(Path dir) {
    return List.copyOf(new Contents(lines(dir)).disks.keySet());
  }

  /** The whole history of a host's domains, in order; empty if there is none. */
  public static List<Line> readLog(Path dir) {
    return lines(dir).stream().filter(line -> line.what().power() != null).toList();
  }

  private static List<Line> lines(Path dir) {
    try {
      return Files.readAllLines(dir.resolve(LOG)).stream()
          .map(Line::parse)
          .flatMap(Optional::stream)
          .toList();
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  // ---- what the driver does --------------------------------------------------------------------

  List<DomainInfo> list() {
    return List.copyOf(contents.domains.values());
  }

  Optional<DomainInfo> find(InstanceId id) {
    return Optional.ofNullable(contents.domains.get(id));
  }

  Optional<InstanceId> named(String name) {
    return Optional.ofNullable(contents.names.get(name));
  }

  /** Disks without a domain, by their attempt. */
  Map<InstanceId, Attempt> looseDisks() {
    Map<InstanceId, Attempt> loose = new HashMap<>(contents.disks);
    loose.keySet().removeAll(contents.domains.keySet());
    return loose;
  }

  Optional<Attempt> disk(InstanceId id) {
    return Optional.ofNullable(contents.disks.get(id));
  }

  void makeDisk(InstanceId id, Attempt attempt) {
    change(() -> append(id, attempt, Transition.DISK_MADE, null));
  }

  void removeDisk(InstanceId id) {
    change(
        () -> {
          Attempt attempt = contents.disks.get(id);
          if (attempt != null) {
            append(id, attempt, Transition.DISK_REMOVED, null);
          }
        });
  }

  void define(DomainInfo domain) {
    change(() -> append(domain.uuid(), attemptOf(domain), Transition.DEFINED, domain));
  }

  /** The domain makes a transition, if it is there. */
  void transit(InstanceId id, Transition what) {
    change(
        () -> {
          DomainInfo domain = contents.domains.get(id);
          if (domain != null) {
            append(id, attemptOf(domain), what, null);
          }
        });
  }

  /** Removes the domain, its disk stays. */
  void remove(InstanceId id) {
    transit(id, Transition.DESTROYED);
  }

  /** Another process may open the host now. The domains go on, as far as they ever did. */
  @Override
  public void close() {
    change(log::close);
  }

  private interface Change {
    void run() throws IOException;
  }

  private void change(Change change) {
    lock.lock();
    try {
      change.run();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      lock.unlock();
    }
  }

  /** In one write, so that lines never mix. */
  private void append(InstanceId id, Attempt attempt, Transition what, DomainInfo domain)
      throws IOException {
    Line line = new Line(clock.instant(), id, attempt, what, domain);
    log.write(ByteBuffer.wrap(line.text().getBytes(StandardCharsets.UTF_8)));
    contents.apply(line);
  }

  private static DomainInfo withPower(DomainInfo domain, PowerState power) {
    return new DomainInfo(domain.uuid(), domain.name(), power, domain.used(), domain.ownership());
  }

  static Attempt attemptOf(DomainInfo domain) {
    return domain.ownership().map(DomainInfo.Ownership::attempt).orElse(Attempt.FIRST);
  }
}
