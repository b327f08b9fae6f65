package org.kilonova.persistence;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.kilonova.kernel.ConfigurationException;
import org.tukaani.xz.XZInputStream;

/** The PostgreSQL programs that the jar carries, unpacked to disk. */
final class PostgresBinaries {
  private static final String ARCHIVE = "/postgres-linux-x86_64.txz";

  private PostgresBinaries() {}

  /**
   * Unpacks the archive below {@code parent}, unless that was done before. The directory's name
   * contains the archive's checksum, so an upgraded jar unpacks beside the old programs, which may
   * still run. Safe against other processes and against being killed: the work is done in a
   * directory of its own, which gets its final name by one rename.
   *
   * @return the directory that has {@code bin/postgres}
   */
  static Path unpack(Path parent) {
    if (!System.getProperty("os.name").equals("Linux")
        || !System.getProperty("os.arch").equals("amd64")) {
      throw new ConfigurationException(
          "kilonova.database.url",
          "the embedded PostgreSQL runs on Linux on x86-64 only: name a PostgreSQL server");
    }
    try {
      Path target = parent.resolve("postgresql-%08x".formatted(checksum()));
      if (Files.isDirectory(target)) {
        return target;
      }
      Files.createDirectories(parent);
      Path work = Files.createTempDirectory(parent, "unpacking-");
      try {
        extract(work);
        sync(work);
        Files.move(work, target);
      } catch (FileSystemException e) {
        if (!Files.isDirectory(target)) {
          throw e;
        }
        // another process was faster, and its copy is the same
      } finally {
        deleteTree(work);
      }
      return target;
    } catch (IOException e) {
      throw new UncheckedIOException("cannot unpack PostgreSQL into " + parent, e);
    }
  }

  private static InputStream archive() throws IOException {
    InputStream stream = PostgresBinaries.class.getResourceAsStream(ARCHIVE);
    if (stream == null) {
      throw new IOException("the class path has no " + ARCHIVE);
    }
    return stream;
  }

  private static long checksum() throws IOException {
    try (CheckedInputStream stream = new CheckedInputStream(archive(), new CRC32())) {
      stream.transferTo(OutputStream.nullOutputStream());
      return stream.getChecksum().getValue();
    }
  }

  private static void extract(Path into) throws IOException {
    try (TarArchiveInputStream tar = new TarArchiveInputStream(new XZInputStream(archive()))) {
      for (TarArchiveEntry entry; (entry = tar.getNextEntry()) != null; ) {
        Path path = into.resolve(entry.getName()).normalize();
        if (!path.startsWith(into)) {
          throw new IOException("entry outside of the archive: " + entry.getName());
        }
        if (entry.isDirectory()) {
          Files.createDirectories(path);
          continue;
        }
        Files.createDirectories(path.getParent());
        if (entry.isSymbolicLink()) {
          Files.createSymbolicLink(path, Path.of(entry.getLinkName()));
        } else {
          Files.copy(tar, path);
          boolean program = (entry.getMode() & 0100) != 0;
          Files.setPosixFilePermissions(
              path, PosixFilePermissions.fromString(program ? "rwxr-xr-x" : "rw-r--r--"));
        }
      }
    }
  }

  /**
   * Writes the file system's caches out: without that, a power cut after the rename could leave the
   * final name with empty files, and nothing would ever unpack them again.
   */
  private static void sync(Path directory) throws IOException {
    Process process =
        new ProcessBuilder("sync", "--file-system", directory.toString())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  /** Deletes a directory and what is in it; one that is not there is deleted already. */
  static void deleteTree(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return;
    }
    try (Stream<Path> paths = Files.walk(directory)) {
      for (Path path : paths.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
