package org.kilonova.compute.driver.libvirt;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs the host's own tools: no shell, no inherited input, a deadline for each, and errors that say
 * which package is missing.
 */
final class HostCommands {
  private static final Logger log = LoggerFactory.getLogger(HostCommands.class);

  /** More output than this is cut off; no tool that we run has that much to say. */
  private static final int MAX_OUTPUT = 1 << 20;

  /** The service's PATH may lack the administrator's directories. */
  private static final List<Path> SEARCHED =
      List.of(
          Path.of("/usr/sbin"),
          Path.of("/usr/bin"),
          Path.of("/sbin"),
          Path.of("/bin"),
          Path.of("/usr/local/sbin"),
          Path.of("/usr/local/bin"));

  private static final Map<String, String> PACKAGES =
      Map.ofEntries(
          Map.entry("qemu-img", "qemu-utils"),
          Map.entry("mkfs.ext4", "e2fsprogs"),
          Map.entry("mkswap", "util-linux"),
          Map.entry("prlimit", "util-linux"),
          Map.entry("genisoimage", "genisoimage"),
          Map.entry("xorriso", "xorriso"),
          Map.entry("dnsmasq", "dnsmasq-base"),
          Map.entry("ip", "iproute2"),
          Map.entry("nft", "nftables"),
          Map.entry("du", "coreutils"));

  /**
   * How a command ended.
   *
   * @param exitCode 0 for success
   * @param out its standard output
   * @param err its standard error
   */
  record Result(int exitCode, String out, String err) {
    /** The line that most likely says why: the first that speaks of an error, else the last. */
    String reason() {
      List<String> lines =
          (err.isBlank() ? out : err).lines().filter(line -> !line.isBlank()).toList();
      return lines.stream()
          .filter(line -> line.toLowerCase(Locale.ROOT).contains("error"))
          .findFirst()
          .orElse(lines.isEmpty() ? "it said nothing" : lines.getLast())
          .strip();
    }
  }

  /** Whether the tool is installed. */
  boolean has(String program) {
    return find(program).isPresent();
  }

  /**
   * Runs a command that must succeed.
   *
   * @return its standard output
   * @throws DriverException RETRY_ELSEWHERE if it is not installed or fails, TRANSIENT if it takes
   *     longer than {@code deadline}
   */
  String run(Duration deadline, String... command) {
    Result result = tryRun(deadline, command);
    if (result.exitCode() != 0) {
      throw new DriverException(
          Kind.RETRY_ELSEWHERE,
          command[0] + " failed with status " + result.exitCode() + ": " + result.reason());
    }
    return result.out();
  }

  /**
   * Runs a command and says how it ended.
   *
   * @throws DriverException RETRY_ELSEWHERE if it is not installed, TRANSIENT if it takes longer
   *     than {@code deadline} or this thread is interrupted (it is killed then)
   */
  Result tryRun(Duration deadline, String... command) {
    String program = command[0];
    Path executable =
        find(program)
            .orElseThrow(
                () ->
                    new DriverException(
                        Kind.RETRY_ELSEWHERE,
                        program
                            + " is not installed on this host (Debian's package "
                            + PACKAGES.getOrDefault(program, program)
                            + ")"));
    List<String> line = new ArrayList<>(List.of(command));
    line.set(0, executable.toString());
    ProcessBuilder builder = new ProcessBuilder(line);
    builder.redirectInput(new File("/dev/null"));
    builder.environment().put("LC_ALL", "C");
    Process process;
    try {
      process = builder.start();
    } catch (IOException e) {
      throw new DriverException(Kind.RETRY_ELSEWHERE, "cannot run " + executable, e);
    }
    long began = System.nanoTime();
    try {
      CompletableFuture<String> out = collect(process.getInputStream());
      CompletableFuture<String> err = collect(process.getErrorStream());
      if (!process.waitFor(deadline.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new DriverException(
            Kind.TRANSIENT, program + " did not finish within " + deadline.toSeconds() + " s");
      }
      return new Result(process.exitValue(), rest(out), rest(err));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(Kind.TRANSIENT, program + " was interrupted", e);
    } finally {
      process.destroyForcibly();
      log.debug("{} took {} ms", line, (System.nanoTime() - began) / 1_000_000);
    }
  }

  private static CompletableFuture<String> collect(InputStream stream) {
    CompletableFuture<String> text = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try (stream) {
                byte[] head = stream.readNBytes(MAX_OUTPUT);
                stream.transferTo(OutputStream.nullOutputStream());
                text.complete(new String(head, StandardCharsets.UTF_8));
              } catch (IOException e) {
                text.complete("");
              }
            });
    return text;
  }

  /** A daemon that the command leaves behind may hold the pipe open: do not wait for that. */
  private static String rest(CompletableFuture<String> text) throws InterruptedException {
    try {
      return text.get(2, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      return "";
    } catch (ExecutionException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Optional<Path> find(String program) {
    return SEARCHED.stream()
        .map(directory -> directory.resolve(program))
        .filter(Files::isExecutable)
        .findFirst();
  }
}
