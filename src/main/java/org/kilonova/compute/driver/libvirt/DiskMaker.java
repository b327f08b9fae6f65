package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.ImageSpec;

/**
 * Makes an instance's files by its {@link DiskPlan}. Each file is made under a temporary name and
 * renamed when it is complete, and one that is there is never touched again: repeating the whole is
 * safe at any time, also when the guest has long written to its disks.
 */
final class DiskMaker {
  private final ImageCache cache;
  private final HostCommands commands;
  private final Duration deadline;

  DiskMaker(ImageCache cache, HostCommands commands, Duration deadline) {
    this.cache = cache;
    this.commands = commands;
    this.deadline = deadline;
  }

  /** Has the cache fetch all images of this guest; returns the root disk's backing file. */
  Path fetchImages(DomainSpec spec) {
    ImageSpec image = spec.image();
    if (image.kernelId() != null) {
      cache.fetch(image.kernelId(), null, "aki", 0);
    }
    if (image.ramdiskId() != null) {
      cache.fetch(image.ramdiskId(), null, "ari", 0);
    }
    Path base =
        cache.fetch(image.id(), image.checksum(), image.diskFormat(), spec.flavor().diskGb() << 30);
    // Also where nothing is made: the answer must not depend on what an earlier call left.
    rootSize(spec, base);
    return base;
  }

  /** The file behind a root disk. */
  Path base(ImageSpec image) {
    return cache.path(image.id(), image.checksum());
  }

  /** Makes what is missing of the instance's files. {@link #fetchImages} came before. */
  void make(DomainSpec spec, DiskPlan plan, Path directory) {
    ImageSpec image = spec.image();
    try {
      if (image.kernelId() != null) {
        copy(cache.path(image.kernelId(), null), directory.resolve("kernel"));
      }
      if (image.ramdiskId() != null) {
        copy(cache.path(image.ramdiskId(), null), directory.resolve("ramdisk"));
      }
      for (DiskPlan.Disk disk : plan.disks()) {
        Path target = directory.resolve(disk.file());
        if (Files.exists(target)) {
          continue;
        }
        Path part = directory.resolve(disk.file() + ".part");
        Files.deleteIfExists(part);
        // The tools write into it; so nobody else can read it at any moment.
        Files.createFile(part);
        InstanceStore.makePrivate(part);
        switch (disk.role()) {
          case ROOT -> root(spec, part);
          case EPHEMERAL -> {
            sparse(part, disk.sizeBytes());
            commands.run(deadline, "mkfs.ext4", "-q", "-F", "-L", "ephemeral0", part.toString());
          }
          case SWAP -> {
            sparse(part, disk.sizeBytes());
            commands.run(deadline, "mkswap", part.toString());
          }
          case CONFIG_DRIVE ->
              ConfigDrive.write(
                  spec, part, directory.resolve("config.staging"), commands, deadline);
        }
        publish(part, target);
      }
    } catch (IOException e) {
      throw new DriverException(
          Kind.RETRY_ELSEWHERE, "cannot make the disks of " + spec.id() + ": " + e, e);
    }
  }

  private void root(DomainSpec spec, Path part) {
    Path base = base(spec.image());
    commands.run(
        deadline,
        "qemu-img",
        "create",
        "-q",
        "-f",
        "qcow2",
        "-F",
        "raw",
        "-b",
        base.toString(),
        part.toString(),
        Long.toString(rootSize(spec, base)));
  }

  private static long rootSize(DomainSpec spec, Path base) {
    try {
      return DiskPlan.rootSize(spec.flavor(), Files.size(base));
    } catch (IOException e) {
      throw new DriverException(Kind.RETRY_ELSEWHERE, "cannot read " + base + ": " + e, e);
    }
  }

  private static void sparse(Path file, long bytes) throws IOException {
    try (RandomAccessFile disk = new RandomAccessFile(file.toFile(), "rw")) {
      disk.setLength(bytes);
    }
  }

  private static void copy(Path from, Path to) throws IOException {
    if (!Files.exists(to)) {
      Path part = to.resolveSibling(to.getFileName() + ".part");
      Files.copy(from, part, StandardCopyOption.REPLACE_EXISTING);
      publish(part, to);
    }
  }

  private static void publish(Path part, Path target) throws IOException {
    InstanceStore.makePrivate(part);
    Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
  }
}
