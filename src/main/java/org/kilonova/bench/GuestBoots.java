package org.kilonova.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.kilonova.bench.Report.Figure;
import org.kilonova.bench.Report.Target;

/**
 * What Kilonova adds to the start of a real guest: from POST to the first line of the guest's
 * userland on its serial console, against {@code virsh create} of the same domain, turn about.
 * Needs the rights to read consoles and to talk to libvirt, and a Kilonova on this machine.
 */
final class GuestBoots {
  /** The first one stays while the others come and go. */
  static final int SERVERS = 2;

  /** What the demo image's init says first. */
  private static final String FIRST_LINE = "kilonova-demo: userland";

  private static final FileAttribute<Set<PosixFilePermission>> QEMU_MAY_ENTER =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwxr-xr-x"));

  private static final Duration PATIENCE = Duration.ofMinutes(3);
  private static final Duration POLL = Duration.ofMillis(5);

  private final Report report;
  private final Cloud cloud;
  private final Path directory;
  private final Consumer<String> progress;

  /**
   * Nothing is started yet.
   *
   * @param parent QEMU's user has to be able to enter it
   */
  GuestBoots(Report report, Cloud cloud, Path parent, Consumer<String> progress)
      throws IOException {
    this.report = report;
    this.cloud = cloud;
    this.progress = progress;
    this.directory = Files.createTempDirectory(parent, "bench-", QEMU_MAY_ENTER).toRealPath();
  }

  /** So many rounds, after one that fills the image cache and shows what Kilonova's domain is. */
  void measure(int rounds) throws IOException {
    List<Double> whole = new ArrayList<>();
    List<Double> bare = new ArrayList<>();
    try (Cloud.Connection connection = cloud.connect()) {
      progress.accept("a first guest, to fill the image cache");
      String first = connection.boot("bench-guest");
      await("the first guest", () -> connection.active(first));
      String domain = virsh("dumpxml", "--inactive", "--security-info", first);
      Path console = TwinDomain.console(domain);
      awaitLine(console);
      for (int round = 0; round < rounds; round++) {
        progress.accept("guests, round %d of %d".formatted(round + 1, rounds));
        long begun = System.nanoTime();
        String id = connection.boot("bench-guest");
        awaitLine(Path.of(console.toString().replace(first, id)));
        whole.add((System.nanoTime() - begun) / 1e9);
        connection.delete(id);
        await("the end of a guest", () -> !connection.exists(id));
        bare.add(bare(domain));
      }
      connection.delete(first);
      await("the end of the first guest", () -> !connection.exists(first));
    } finally {
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
    Figure through = new Figure("kilonova", "POST to the guest's first line", "s", whole);
    Figure without = new Figure("virsh", "create to the guest's first line", "s", bare);
    report.add(through);
    report.add(without);
    double more = through.spread().median() - without.spread().median();
    report.add(new Target("a guest's first line, more than virsh", "s", 1, false, more));
  }

  /** Starts a guest like that one with libvirt's own client; seconds until its first line. */
  private double bare(String domain) throws IOException {
    String id = UUID.randomUUID().toString();
    Path files = Files.createDirectory(directory.resolve(id), QEMU_MAY_ENTER);
    TwinDomain twin = TwinDomain.of(domain, id, files);
    for (TwinDomain.Disk disk : twin.disks()) {
      run(
          List.of(
              "qemu-img",
              "create",
              "-q",
              "-f",
              "qcow2",
              "-F",
              disk.backingFormat(),
              "-b",
              disk.backing().toString(),
              disk.file().toString(),
              virtualSize(disk.original())));
    }
    Path xml = Files.writeString(files.resolve("domain.xml"), twin.xml());
    long begun = System.nanoTime();
    virsh("create", xml.toString());
    try {
      awaitLine(files.resolve("console.log"));
      return (System.nanoTime() - begun) / 1e9;
    } finally {
      virsh("destroy", id);
    }
  }

  private static String virtualSize(Path disk) throws IOException {
    // -U: its guest runs
    String info = run(List.of("qemu-img", "info", "-U", "--output=json", disk.toString()));
    return new ObjectMapper().readTree(info).path("virtual-size").asText();
  }

  // --------------------------------------------------------------------------------- waiting

  private interface Condition {
    boolean holds() throws IOException;
  }

  private static void awaitLine(Path console) throws IOException {
    await(
        FIRST_LINE + " in " + console,
        () -> {
          try {
            return Files.readString(console, StandardCharsets.ISO_8859_1).contains(FIRST_LINE);
          } catch (NoSuchFileException e) {
            return false;
          }
        });
  }

  private static void await(String what, Condition condition) throws IOException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (!condition.holds()) {
      if (System.nanoTime() > end) {
        throw new BenchException("waited " + PATIENCE.toSeconds() + " s in vain for " + what);
      }
      LockSupport.parkNanos(POLL.toNanos());
    }
  }

  // -------------------------------------------------------------------------------- programs

  private static String virsh(String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("virsh", "-q", "-c", "qemu:///system"));
    command.addAll(List.of(arguments));
    return run(command);
  }

  private static String run(List<String> command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    try (InputStream output = process.getInputStream()) {
      String said = new String(output.readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new BenchException(String.join(" ", command) + ": " + said.strip());
      }
      return said;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new UncheckedIOException(new IOException("interrupted", e));
    }
  }
}
