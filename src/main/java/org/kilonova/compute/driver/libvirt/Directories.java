package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Directories that QEMU and dnsmasq, which run as users of their own, must get through. */
final class Directories {
  private static final Logger log = LoggerFactory.getLogger(Directories.class);

  private Directories() {}

  /**
   * Makes a directory that others may pass but not list, whatever this process's umask is. Parents
   * that are missing are made alike; what is there keeps its mode.
   */
  static Path traversable(Path directory) {
    return make(directory, "rwx--x--x");
  }

  /** Makes a directory that others may list, too. */
  static Path readable(Path directory) {
    return make(directory, "rwxr-xr-x");
  }

  private static Path make(Path directory, String mode) {
    if (Files.isDirectory(directory)) {
      return directory;
    }
    make(directory.getParent(), "rwx--x--x");
    try {
      Files.createDirectories(directory);
      Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString(mode));
      return directory;
    } catch (IOException e) {
      throw new DriverException(Kind.RETRY_ELSEWHERE, "cannot make " + directory + ": " + e, e);
    }
  }

  /** Says early what QEMU would say late: that it cannot get at its disks. */
  static void warnIfHidden(Path directory) {
    try {
      for (Path path = directory; path != null; path = path.getParent()) {
        if (!Files.getPosixFilePermissions(path).contains(PosixFilePermission.OTHERS_EXECUTE)) {
          log.warn(
              "{} lies below {}, which others may not enter: guests cannot start if QEMU runs as a"
                  + " user of its own",
              directory,
              path);
          return;
        }
      }
    } catch (IOException e) {
      log.debug("cannot see the modes of {}", directory, e);
    }
  }
}
