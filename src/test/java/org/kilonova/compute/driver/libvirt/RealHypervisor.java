package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.kilonova.compute.driver.ImageSource;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.Nic;

/**
 * This machine's libvirt and QEMU for tests: starts the daemons if nobody did (and stops only those
 * it started), has the demo image built, and serves it as an image service would.
 */
final class RealHypervisor implements ImageSource, AutoCloseable {
  private static final Path DEMO = Path.of("target/demo-image").toAbsolutePath();
  private static final String ROOT_IMAGE = "de300000-0000-4000-8000-000000000001";
  private static final String KERNEL = "de300000-0000-4000-8000-000000000002";
  private static final String RAMDISK = "de300000-0000-4000-8000-000000000003";
  private static final String LARGE = "de300000-0000-4000-8000-000000000004";

  private static final String QCOW2 = "de300000-0000-4000-8000-000000000005";

  private final List<ProcessHandle> started = new ArrayList<>();

  private RealHypervisor() {}

  static RealHypervisor require() {
    RealHypervisor machine = new RealHypervisor();
    machine.daemon("virtlogd");
    machine.daemon("libvirtd");
    if (!Files.exists(DEMO.resolve("manifest.json"))) {
      run("scripts/demo-image", DEMO.toString());
    }
    return machine;
  }

  private void daemon(String name) {
    if (running(name).isEmpty()) {
      run(name, "-d");
      await(name + " runs", Duration.ofSeconds(30), () -> running(name).isPresent());
      running(name).ifPresent(started::add);
    }
  }

  private static Optional<ProcessHandle> running(String name) {
    return ProcessHandle.allProcesses()
        .filter(p -> p.info().command().filter(c -> c.endsWith("/" + name)).isPresent())
        .findAny();
  }

  private static void run(String... command) {
    try {
      Process process = new ProcessBuilder(command).inheritIO().start();
      if (!process.waitFor(5, TimeUnit.MINUTES) || process.exitValue() != 0) {
        throw new IllegalStateException("failed: " + String.join(" ", command));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  ImageSpec image(Map<String, String> properties) {
    return new ImageSpec(
        ROOT_IMAGE, "demo", "ami", "ami", null, 1, 0, 0, KERNEL, RAMDISK, properties);
  }

  /** An image whose disk is larger than any test's flavor. */
  ImageSpec largeImage() {
    return new ImageSpec(LARGE, "large", "raw", "bare", null, 1, 0, 0, null, null, Map.of());
  }

  /** An empty disk as a qcow2 file. */
  ImageSpec qcow2Image(Map<String, String> properties) {
    return new ImageSpec(QCOW2, "empty", "qcow2", "bare", null, 1, 0, 0, null, null, properties);
  }

  @Override
  public void fetch(String imageId, String checksum, Path target) {
    try {
      if (imageId.equals(LARGE)) {
        try (RandomAccessFile file = new RandomAccessFile(target.toFile(), "rw")) {
          file.setLength(2L << 30);
        }
        return;
      }
      if (imageId.equals(QCOW2)) {
        run("qemu-img", "create", "-q", "-f", "qcow2", target.toString(), "8M");
        return;
      }
      String part =
          switch (imageId) {
            case ROOT_IMAGE -> "root.img";
            case KERNEL -> "kernel";
            case RAMDISK -> "initrd";
            default -> throw new IllegalArgumentException(imageId);
          };
      Files.copy(DEMO.resolve(part), target);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One echo request, sent out of the guest's own bridge and nowhere else. */
  boolean ping(Nic nic) {
    return new HostCommands()
            .tryRun(
                Duration.ofSeconds(10),
                "ping",
                "-c1",
                "-W1",
                "-I",
                nic.bridge(),
                nic.addresses().getFirst())
            .exitCode()
        == 0;
  }

  Optional<ProcessHandle> dnsmasq(LibvirtSettings settings, Nic nic) {
    String config = settings.stateDir().resolve("networks").resolve(nic.networkId()).toString();
    return ProcessHandle.allProcesses()
        .filter(p -> p.info().command().filter(c -> c.endsWith("/dnsmasq")).isPresent())
        .filter(
            p -> p.info().arguments().filter(a -> String.join(" ", a).contains(config)).isPresent())
        .findAny();
  }

  static void await(String what, Duration atMost, BooleanSupplier condition) {
    long end = System.nanoTime() + atMost.toNanos();
    CountDownLatch never = new CountDownLatch(1);
    try {
      while (!condition.getAsBoolean()) {
        if (System.nanoTime() > end) {
          throw new AssertionError("not within " + atMost.toSeconds() + " s: " + what);
        }
        never.await(200, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError("interrupted: " + what, e);
    }
  }

  @Override
  public void close() {
    for (ProcessHandle daemon : started.reversed()) {
      daemon.destroy();
    }
  }
}
