package org.kilonova.compute.driver.libvirt;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes cached images that no disk has needed for a while: Nova's image cache manager. A file's
 * time of change is that of its last use: {@link ImageCache#fetch} sets it, and this renews it as
 * long as a disk is based on the file.
 *
 * <p>A disk that is being made right now may not be there to be seen, but its spawn has fetched its
 * image before, under the same lock that is held here while the time is looked at; so its image is
 * young. Any number of compute processes of the machine may do this at once.
 */
final class ImageCacheSweep {
  private static final Logger log = LoggerFactory.getLogger(ImageCacheSweep.class);
  private static final int QCOW2_MAGIC = 0x514649fb;
  private static final int LONGEST_NAME = 1023;

  private final Path cache;
  private final Path instances;
  private final FileLocks locks;
  private final InstantSource clock;
  private final Duration unusedAge;

  /**
   * @param cache the directory of the cached images
   * @param instances the directory of the instances' directories
   * @param unusedAge after so long without use an image is removed (Nova's {@code
   *     remove_unused_original_minimum_age_seconds})
   */
  ImageCacheSweep(
      Path cache, Path instances, FileLocks locks, InstantSource clock, Duration unusedAge) {
    this.cache = cache;
    this.instances = instances;
    this.locks = locks;
    this.clock = clock;
    this.unusedAge = unusedAge;
  }

  /**
   * Removes what is unused, also the halves of images whose download died.
   *
   * @throws IOException if it cannot be told what is used; then nothing was removed
   */
  void sweep() throws IOException {
    Set<Path> used = used();
    Instant now = clock.instant();
    for (Path file : entries(cache)) {
      try (FileLocks.Held lock = locks.base(file.getFileName())) {
        if (used.contains(file)) {
          Files.setLastModifiedTime(file, FileTime.from(now));
        } else if (Files.getLastModifiedTime(file).toInstant().isBefore(now.minus(unusedAge))) {
          log.info("{} was not used for {}, it is removed", file, unusedAge);
          Files.delete(file);
        }
      } catch (NoSuchFileException e) {
        log.debug("{} went meanwhile", file);
      }
    }
  }

  /** What the disks of all instances, finished or not, are based on. */
  private Set<Path> used() throws IOException {
    Set<Path> used = new HashSet<>();
    for (Path instance : entries(instances)) {
      for (String disk : List.of("disk", "disk.part")) {
        Path backing = backingFile(instance.resolve(disk));
        if (backing != null) {
          used.add(backing);
        }
      }
    }
    return used;
  }

  private static List<Path> entries(Path directory) throws IOException {
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
      List<Path> entries = new ArrayList<>();
      stream.forEach(entries::add);
      return entries;
    } catch (NoSuchFileException e) {
      return List.of();
    }
  }

  /** What a qcow2 file names as its backing file, or null. The guest cannot reach its header. */
  private static Path backingFile(Path disk) throws IOException {
    try (DataInputStream in = new DataInputStream(Files.newInputStream(disk))) {
      if (in.readInt() != QCOW2_MAGIC) {
        return null;
      }
      in.readInt(); // version
      long offset = in.readLong();
      int length = in.readInt();
      if (offset == 0) {
        return null;
      }
      if (length < 1 || length > LONGEST_NAME) {
        throw new IOException(disk + " has a backing file's name of " + length + " bytes");
      }
      in.skipNBytes(offset - 20);
      return Path.of(new String(in.readNBytes(length), StandardCharsets.UTF_8)).normalize();
    } catch (NoSuchFileException | EOFException e) {
      return null; // not there, or qemu-img has only begun
    }
  }
}
