package org.kilonova.compute.driver.libvirt;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;

/**
 * The instances' directories, one for each uuid. A directory comes into being, in one step, with a
 * file that says which attempt of which host made it, and goes in one step too; so at every moment
 * each file of an instance on this machine can be told to belong to an attempt, domain or not.
 *
 * <p>All compute processes of a cloud on one machine share this store, as they share libvirt: a
 * uuid is unique there. Callers hold the instance's lock.
 */
final class InstanceStore {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String OWNER_FILE = "attempt.json";
  private static final String NEW = ".new-";
  private static final String TRASH = ".trash-";

  /**
   * Who made a directory, and what of the host outside the directory belongs to it.
   *
   * @param nics ports whose network entries must go with it
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record Owner(String cloudId, HostId host, InstanceId id, Attempt attempt, List<Nic> nics) {
    static Owner of(DomainSpec spec) {
      return new Owner(spec.cloudId(), spec.host(), spec.id(), spec.attempt(), spec.nics());
    }
  }

  private final Path root;

  InstanceStore(Path root) {
    this.root = root;
  }

  Path root() {
    return root;
  }

  Path directory(InstanceId id) {
    return root.resolve(id.toString());
  }

  /** Whose the instance's directory is; empty if there is none. */
  Optional<Owner> owner(InstanceId id) {
    try {
      return Optional.of(
          JSON.readValue(Files.readAllBytes(directory(id).resolve(OWNER_FILE)), Owner.class));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new DriverException(
          Kind.TRANSIENT, "cannot read whose " + directory(id) + " is: " + e, e);
    }
  }

  /** Makes the instance's directory with its owner's mark; one that is there is left alone. */
  Path create(Owner owner) {
    Path directory = directory(owner.id());
    if (Files.isDirectory(directory)) {
      return directory;
    }
    Path fresh = root.resolve(NEW + owner.id());
    try {
      deleteTree(fresh);
      Directories.traversable(fresh);
      Path mark = fresh.resolve(OWNER_FILE);
      Files.write(mark, JSON.writeValueAsBytes(owner), StandardOpenOption.CREATE_NEW);
      makePrivate(mark);
      try (FileChannel channel = FileChannel.open(mark, StandardOpenOption.WRITE)) {
        channel.force(true);
      }
      Files.move(fresh, directory, StandardCopyOption.ATOMIC_MOVE);
      return directory;
    } catch (IOException e) {
      throw new DriverException(Kind.RETRY_ELSEWHERE, "cannot make " + directory + ": " + e, e);
    }
  }

  /** Removes the instance's directory with all that is in it; none is fine. */
  void delete(InstanceId id) {
    Path directory = directory(id);
    Path trash = root.resolve(TRASH + id + "-" + UUID.randomUUID());
    try {
      Files.move(directory, trash, StandardCopyOption.ATOMIC_MOVE);
    } catch (NoSuchFileException e) {
      return;
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot remove " + directory + ": " + e, e);
    }
    try {
      deleteTree(trash);
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot remove " + trash + ": " + e, e);
    }
  }

  /** The owners of all instance directories, of any host of the cloud. */
  List<Owner> owners() {
    List<Owner> owners = new ArrayList<>();
    for (Path entry : entries()) {
      parse(entry.getFileName().toString()).flatMap(this::owner).ifPresent(owners::add);
    }
    return owners;
  }

  /**
   * Removes what processes left that died while they made or removed a directory.
   *
   * @param locks each instance's lock is taken first, for another process may be at it right now
   */
  void sweep(FileLocks locks) {
    for (Path entry : entries()) {
      String name = entry.getFileName().toString();
      String uuid =
          name.startsWith(NEW)
              ? name.substring(NEW.length())
              : name.startsWith(TRASH) && name.length() >= TRASH.length() + 36
                  ? name.substring(TRASH.length(), TRASH.length() + 36)
                  : "";
      Optional<InstanceId> id = parse(uuid);
      if (id.isPresent()) {
        try (FileLocks.Held lock = locks.instance(id.get())) {
          deleteTree(entry);
        } catch (IOException e) {
          throw new UncheckedIOException("cannot remove " + entry, e);
        }
      }
    }
  }

  /** Only its owner may read it; libvirt hands the file to QEMU's user while the guest runs. */
  static void makePrivate(Path file) throws IOException {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
  }

  static void deleteTree(Path tree) throws IOException {
    if (!Files.exists(tree, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        tree,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path directory, IOException e)
              throws IOException {
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private List<Path> entries() {
    List<Path> entries = new ArrayList<>();
    try (DirectoryStream<Path> stream = Files.newDirectoryStream(root)) {
      stream.forEach(entries::add);
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot list " + root + ": " + e, e);
    }
    return entries;
  }

  private static Optional<InstanceId> parse(String name) {
    try {
      return Optional.of(InstanceId.of(name));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }
}
