package org.kilonova.compute.driver.libvirt;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.ImageSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images that this machine has fetched, one raw file each, shared as backing files by all
 * compute processes of the cloud on it (Nova's {@code _base} directory).
 *
 * <p>A file is fetched once, under a lock that holds between processes, into a temporary name, and
 * gets its real name only when it is complete: what bears the real name is good.
 *
 * <p>Images are data of strangers. A format is never guessed from the content: the image's own
 * declaration is the only one that is tried, QEMU's tools run with bounded memory and processor
 * time, and whatever refers to another file (a backing file, a data file, a flat VMDK extent) is
 * refused, or an image could name the host's own files as its content.
 */
final class ImageCache {
  private static final Logger log = LoggerFactory.getLogger(ImageCache.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  /** Disk formats that are used as they are. */
  private static final Set<String> RAW_FORMATS = Set.of("raw", "ami", "aki", "ari");

  /** Glance's names of the disk formats that are converted, and QEMU's names for them. */
  private static final Map<String, String> CONVERTED =
      Map.of("qcow2", "qcow2", "vdi", "vdi", "vhd", "vpc", "vhdx", "vhdx", "vmdk", "vmdk");

  /** VMDK kinds that hold their data themselves. */
  private static final Set<String> VMDK_TYPES = Set.of("monolithicSparse", "streamOptimized");

  /** Bounds for qemu-img when it looks at a stranger's file (the values of Nova). */
  private static final String ADDRESS_SPACE = "--as=" + (1L << 30);

  private static final String CPU_SECONDS = "--cpu=30";

  private final Path directory;
  private final FileLocks locks;
  private final HostCommands commands;
  private final ImageSource source;
  private final Duration deadline;
  private final InstantSource clock;

  ImageCache(
      Path directory,
      FileLocks locks,
      HostCommands commands,
      ImageSource source,
      Duration deadline,
      InstantSource clock) {
    this.directory = directory;
    this.locks = locks;
    this.commands = commands;
    this.source = source;
    this.deadline = deadline;
    this.clock = clock;
  }

  /**
   * Where an image is, or would be, in the cache.
   *
   * @param checksum of the image's file, or null if it is not known
   */
  Path path(String imageId, String checksum) {
    String name = checksum == null ? imageId : imageId + "-" + checksum;
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
      throw new DriverException(Kind.ABORT, "Image id " + imageId + " is unacceptable");
    }
    return directory.resolve(name);
  }

  /**
   * The image as a raw file, fetched and converted if it is not here yet.
   *
   * @param diskFormat as the image service declares it
   * @param maxBytes the largest virtual size that may be converted, 0 for any
   * @throws DriverException ABORT if the image is broken, unsafe, too large or of a format that
   *     cannot be booted
   */
  Path fetch(String imageId, String checksum, String diskFormat, long maxBytes) {
    Path file = path(imageId, checksum);
    try {
      if (use(file)) {
        return file;
      }
      try (FileLocks.Held lock = locks.image(file.getFileName())) {
        if (!use(file)) {
          fill(file, imageId, checksum, diskFormat, maxBytes);
        }
        return file;
      }
    } catch (IOException e) {
      throw new DriverException(
          Kind.RETRY_ELSEWHERE, "cannot cache image " + imageId + ": " + e, e);
    }
  }

  /**
   * Marks a file as used now, so that {@link ImageCacheSweep} leaves it alone while a disk is made
   * on it.
   *
   * @return false if it is not here
   */
  private boolean use(Path file) throws IOException {
    try (FileLocks.Held lock = locks.base(file.getFileName())) {
      Files.setLastModifiedTime(file, FileTime.from(clock.instant()));
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private void fill(Path file, String imageId, String checksum, String diskFormat, long maxBytes)
      throws IOException {
    String format = diskFormat == null ? "raw" : diskFormat.toLowerCase(Locale.ROOT);
    String qemuFormat = CONVERTED.get(format);
    if (qemuFormat == null && !RAW_FORMATS.contains(format)) {
      throw new DriverException(
          Kind.ABORT, "Image " + imageId + " is unacceptable: disk format " + format);
    }
    Directories.traversable(directory);
    Path part = file.resolveSibling(file.getFileName() + ".part");
    Path converted = file.resolveSibling(file.getFileName() + ".converted");
    // Left behind by a process that died here.
    Files.deleteIfExists(part);
    Files.deleteIfExists(converted);
    try {
      log.info("Fetching image {} into the cache", imageId);
      source.fetch(imageId, checksum, part);
      if (qemuFormat == null) {
        publish(part, file);
        return;
      }
      if (qemuFormat.equals("qcow2")) {
        Qcow2Header.requireSelfContained(part, imageId);
      }
      inspect(part, qemuFormat, imageId, maxBytes);
      HostCommands.Result result =
          commands.tryRun(
              deadline,
              "qemu-img",
              "convert",
              "-f",
              qemuFormat,
              "-O",
              "raw",
              part.toString(),
              converted.toString());
      if (result.exitCode() != 0) {
        throw new DriverException(
            Kind.RETRY_ELSEWHERE,
            "Image " + imageId + " could not be converted to raw: " + result.reason());
      }
      publish(converted, file);
    } finally {
      Files.deleteIfExists(part);
      Files.deleteIfExists(converted);
    }
  }

  /** QEMU runs as another user, and a backing file is only read. */
  private static void publish(Path part, Path file) throws IOException {
    Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-r--r--"));
    Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
  }

  /** What qemu-img says about a file of that format, without following anything it refers to. */
  private void inspect(Path part, String qemuFormat, String imageId, long maxBytes)
      throws IOException {
    HostCommands.Result result =
        commands.tryRun(
            Duration.ofSeconds(60),
            "prlimit",
            ADDRESS_SPACE,
            CPU_SECONDS,
            "--",
            "qemu-img",
            "info",
            "--force-share",
            "--output=json",
            "-f",
            qemuFormat,
            part.toString());
    if (result.exitCode() != 0) {
      throw new DriverException(
          Kind.ABORT,
          "Image %s is unacceptable: it is not a valid %s file: %s"
              .formatted(imageId, qemuFormat, result.reason()));
    }
    JsonNode info = JSON.readTree(result.out());
    JsonNode specific = info.path("format-specific").path("data");
    if (info.hasNonNull("backing-filename")
        || specific.hasNonNull("data-file")
        || (qemuFormat.equals("vmdk")
            && !VMDK_TYPES.contains(specific.path("create-type").asText()))) {
      throw new DriverException(
          Kind.ABORT, "Image " + imageId + " is unacceptable: it refers to another file");
    }
    long virtualSize = info.path("virtual-size").asLong();
    if (maxBytes > 0 && virtualSize > maxBytes) {
      throw new DriverException(
          Kind.ABORT,
          ("Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d"
                  + " bytes.")
              .formatted(maxBytes, virtualSize));
    }
  }

  /** The fields of a qcow2 header that decide whether QEMU may be let near the file. */
  private static final class Qcow2Header {
    private static final int MAGIC = 0x514649fb;
    private static final long EXTERNAL_DATA_FILE = 1 << 2;

    /**
     * Checks the header without QEMU's help.
     *
     * @throws DriverException ABORT if it is not qcow2 or names another file
     */
    static void requireSelfContained(Path file, String imageId) throws IOException {
      try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
        int magic = in.readInt();
        int version = in.readInt();
        long backingFileOffset = in.readLong();
        if (magic != MAGIC || version < 2 || version > 3) {
          throw new DriverException(
              Kind.ABORT, "Image " + imageId + " is unacceptable: it is not a qcow2 file");
        }
        long incompatibleFeatures = 0;
        if (version == 3) {
          in.skipNBytes(72 - 16);
          incompatibleFeatures = in.readLong();
        }
        if (backingFileOffset != 0 || (incompatibleFeatures & EXTERNAL_DATA_FILE) != 0) {
          throw new DriverException(
              Kind.ABORT, "Image " + imageId + " is unacceptable: it refers to another file");
        }
      } catch (EOFException e) {
        throw new DriverException(
            Kind.ABORT, "Image " + imageId + " is unacceptable: it is too short for qcow2", e);
      }
    }
  }
}
