package org.kilonova.compute.driver.fake;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/**
 * The domains of one simulated host, kept outside the agent's process as a real hypervisor keeps
 * them: a file for each domain, and a log of what was ever started, which an oracle can read while
 * the agent runs and after it was killed. Written to a temporary name and renamed, so that a kill
 * leaves a whole file or none; not forced to disk, since it is the agent that dies here and not the
 * machine.
 *
 * <p>One process at a time serves a host; the files are read once, when it opens.
 */
public final class FakeHypervisor {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private static final String SUFFIX = ".json";
  private static final String LOG = "log";

  private final Path dir;
  private final Map<InstanceId, DomainInfo> domains = new ConcurrentHashMap<>();

  /** Opens the host that lies in {@code dir}, or makes an empty one. */
  public FakeHypervisor(Path dir) {
    this.dir = dir;
    try {
      Files.createDirectories(dir);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    read(dir).forEach(d -> domains.put(d.uuid(), d));
  }

  /** Reads a host's domains as they are now, without opening it. */
  public static List<DomainInfo> read(Path dir) {
    List<DomainInfo> found = new ArrayList<>();
    try (DirectoryStream<Path> files = Files.newDirectoryStream(dir, "*" + SUFFIX)) {
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

  List<DomainInfo> list() {
    return List.copyOf(domains.values());
  }

  Optional<DomainInfo> find(InstanceId id) {
    return Optional.ofNullable(domains.get(id));
  }

  void put(DomainInfo domain, String what) {
    Path file = dir.resolve(domain.uuid() + SUFFIX);
    Path part = dir.resolve(domain.uuid() + ".part");
    try {
      Files.write(part, JSON.writeValueAsBytes(domain));
      log(domain, what);
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    domains.put(domain.uuid(), domain);
  }

  void power(DomainInfo domain, PowerState power, String what) {
    put(
        new DomainInfo(domain.uuid(), domain.name(), power, domain.used(), domain.ownership()),
        what);
  }

  void remove(DomainInfo domain) {
    try {
      log(domain, "destroyed");
      Files.deleteIfExists(dir.resolve(domain.uuid() + SUFFIX));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    domains.remove(domain.uuid());
  }

  /** One line: milliseconds, uuid, attempt, what. Appended in one write, so lines never mix. */
  private void log(DomainInfo domain, String what) throws IOException {
    String line =
        "%d %s %d %s%n"
            .formatted(
                System.currentTimeMillis(),
                domain.uuid(),
                domain.ownership().map(o -> o.attempt().number()).orElse(0),
                what);
    Files.write(
        dir.resolve(LOG),
        line.getBytes(StandardCharsets.UTF_8),
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
  }
}
