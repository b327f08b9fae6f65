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
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
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
 * them, so that they survive {@code kill -9} of the agent and another process can look at them:
 *
 * <ul>
 *   <li>{@code <uuid>.json}: a domain. Written to a temporary name and renamed: whole or not there.
 *   <li>{@code <uuid>.disk}: its disk, a few bytes that name the attempt. Made before the domain
 *       and removed after it, as with real drivers, so that what is left without a domain is a leak
 *       that can be counted.
 *   <li>{@code log}: every {@link Transition} that ever was. A line is appended <i>before</i> the
 *       domain's file changes, and where the two differ the log is right: {@link
 *       FakeHypervisor#FakeHypervisor} makes good what a kill left between them.
 * </ul>
 *
 * <p>Nothing is forced to disk, since it is the agent that dies here and not the machine. One
 * process at a time serves a host; files are read when it opens and never again.
 */
public final class FakeHypervisor implements AutoCloseable {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private static final String DOMAIN = ".json";
  private static final String DISK = ".disk";
  private static final String PART = ".part";
  private static final String LOG = "log";

  /** What happens to a domain. */
  public enum Transition {
    DEFINED(PowerState.SHUTDOWN),
    PAUSED(PowerState.PAUSED),
    RUNNING(PowerState.RUNNING),
    /** A guest that reboots in place goes on running. */
    OFF(PowerState.SHUTDOWN),
    DESTROYED(PowerState.NOSTATE);

    private final PowerState power;

    Transition(PowerState power) {
      this.power = power;
    }

    /** The state that it leads to. */
    public PowerState power() {
      return power;
    }
  }

  /**
   * A line of the log.
   *
   * @param at to the microsecond
   */
  public record Line(Instant at, InstanceId id, Attempt attempt, Transition what) {
    private String text() {
      long micros = ChronoUnit.MICROS.between(Instant.EPOCH, at);
      return micros + " " + id + " " + attempt + " " + what.name().toLowerCase(Locale.ROOT) + "\n";
    }

    private static Optional<Line> parse(String text) {
      String[] words = text.split(" ", -1);
      if (words.length != 4) {
        return Optional.empty(); // cut off by a kill
      }
      try {
        return Optional.of(
            new Line(
                Instant.EPOCH.plus(Long.parseLong(words[0]), ChronoUnit.MICROS),
                InstanceId.of(words[1]),
                new Attempt(Integer.parseInt(words[2])),
                Transition.valueOf(words[3].toUpperCase(Locale.ROOT))));
      } catch (IllegalArgumentException e) {
        return Optional.empty();
      }
    }
  }

  private final Path dir;
  private final InstantSource clock;
  private final FileChannel log;
  private final ReentrantLock lock = new ReentrantLock();
  private final Map<InstanceId, DomainInfo> domains = new ConcurrentHashMap<>();
  private final Map<String, InstanceId> names = new ConcurrentHashMap<>();
  private final Map<InstanceId, Attempt> disks = new ConcurrentHashMap<>();

  /** Opens the host that lies in {@code dir}, or makes an empty one. */
  public FakeHypervisor(Path dir, InstantSource clock) {
    this.dir = dir;
    this.clock = clock;
    try {
      Files.createDirectories(dir);
      List<Line> history = readLog(dir);
      log =
          FileChannel.open(dir.resolve(LOG), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      recover(history);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void recover(List<Line> history) throws IOException {
    endCutLine();
    Map<InstanceId, Line> last = new HashMap<>();
    history.forEach(line -> last.put(line.id(), line));
    for (DomainInfo domain : read(dir)) {
      Line line = last.get(domain.uuid());
      if (line == null || !line.attempt().equals(attemptOf(domain))) {
        append(domain, Transition.DEFINED); // died between the file and its first line
        index(domain);
      } else if (line.what() == Transition.DESTROYED) {
        Files.deleteIfExists(file(domain.uuid(), DOMAIN));
      } else if (line.what().power() != domain.power()) {
        put(withPower(domain, line.what().power()));
      } else {
        index(domain);
      }
    }
    try (DirectoryStream<Path> files = Files.newDirectoryStream(dir)) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        if (name.endsWith(PART)) {
          Files.deleteIfExists(file);
        } else if (name.endsWith(DISK)) {
          disks.put(
              InstanceId.of(name.substring(0, name.length() - DISK.length())),
              new Attempt(Integer.parseInt(Files.readString(file).strip())));
        }
      }
    }
  }

  /** So that what a kill cut off does not spoil the next line. */
  private void endCutLine() throws IOException {
    if (log.size() > 0) {
      byte[] all = Files.readAllBytes(dir.resolve(LOG));
      if (all[all.length - 1] != '\n') {
        log.write(ByteBuffer.wrap(new byte[] {'\n'}));
      }
    }
  }

  // ---- looking from outside, while an agent works there or after it died ----------------------

  /** A host's domains as their files say. */
  public static List<DomainInfo> read(Path dir) {
    List<DomainInfo> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(dir, "*" + DOMAIN)) {
      for (Path file : files) {
        try {
          found.add(JSON.readValue(Files.readAllBytes(file), DomainInfo.class));
        } catch (NoSuchFileException e) {
          // destroyed meanwhile
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  /** The instances of which a disk lies on a host. */
  public static List<InstanceId> readDisks(Path dir) {
    List<InstanceId> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(dir, "*" + DISK)) {
      for (Path file : files) {
        String name = file.getFileName().toString();
        found.add(InstanceId.of(name.substring(0, name.length() - DISK.length())));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return found;
  }

  /** A host's whole history, in order; empty if there is none. */
  public static List<Line> readLog(Path dir) {
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
    return List.copyOf(domains.values());
  }

  Optional<DomainInfo> find(InstanceId id) {
    return Optional.ofNullable(domains.get(id));
  }

  Optional<InstanceId> named(String name) {
    return Optional.ofNullable(names.get(name));
  }

  /** Disks without a domain, by their attempt. */
  Map<InstanceId, Attempt> looseDisks() {
    Map<InstanceId, Attempt> loose = new HashMap<>(disks);
    loose.keySet().removeAll(domains.keySet());
    return loose;
  }

  Optional<Attempt> disk(InstanceId id) {
    return Optional.ofNullable(disks.get(id));
  }

  void makeDisk(InstanceId id, Attempt attempt) {
    change(
        () -> {
          Files.writeString(file(id, DISK), attempt + "\n");
          disks.put(id, attempt);
        });
  }

  void removeDisk(InstanceId id) {
    change(
        () -> {
          Files.deleteIfExists(file(id, DISK));
          disks.remove(id);
        });
  }

  void define(DomainInfo domain) {
    change(
        () -> {
          put(domain);
          append(domain, Transition.DEFINED);
        });
  }

  /** The domain makes a transition, if it is there. */
  void transit(InstanceId id, Transition what) {
    change(
        () -> {
          DomainInfo domain = domains.get(id);
          if (domain != null) {
            append(domain, what);
            put(withPower(domain, what.power()));
          }
        });
  }

  /** Removes the domain, its disk stays. */
  void remove(InstanceId id) {
    change(
        () -> {
          DomainInfo domain = domains.get(id);
          if (domain != null) {
            append(domain, Transition.DESTROYED);
            Files.deleteIfExists(file(id, DOMAIN));
            domains.remove(id);
            names.remove(domain.name(), id);
          }
        });
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

  private void put(DomainInfo domain) throws IOException {
    Path part = file(domain.uuid(), PART);
    Files.write(part, JSON.writeValueAsBytes(domain));
    Files.move(
        part,
        file(domain.uuid(), DOMAIN),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
    index(domain);
  }

  private void index(DomainInfo domain) {
    domains.put(domain.uuid(), domain);
    names.put(domain.name(), domain.uuid());
  }

  /** In one write, so that lines never mix. */
  private void append(DomainInfo domain, Transition what) throws IOException {
    Line line = new Line(clock.instant(), domain.uuid(), attemptOf(domain), what);
    log.write(ByteBuffer.wrap(line.text().getBytes(StandardCharsets.UTF_8)));
  }

  private Path file(InstanceId id, String suffix) {
    return dir.resolve(id + suffix);
  }

  private static DomainInfo withPower(DomainInfo domain, PowerState power) {
    return new DomainInfo(domain.uuid(), domain.name(), power, domain.used(), domain.ownership());
  }

  static Attempt attemptOf(DomainInfo domain) {
    return domain.ownership().map(DomainInfo.Ownership::attempt).orElse(Attempt.FIRST);
  }
}
