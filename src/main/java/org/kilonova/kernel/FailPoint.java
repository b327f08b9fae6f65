package org.kilonova.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Named places at which a chaos test lets a process die as {@code kill -9} would: no shutdown
 * hooks, no flush. Off unless the system property {@code kilonova.failpoints} names a directory;
 * then a place is armed by a file of its name in it, and the first process that gets there takes
 * the file away and dies. Otherwise a place costs one comparison with null.
 */
public final class FailPoint {
  private static final Path ARMED =
      System.getProperty("kilonova.failpoints") == null
          ? null
          : Path.of(System.getProperty("kilonova.failpoints"));

  private FailPoint() {}

  /** Dies here if this place is armed. */
  public static void reached(String name) {
    if (ARMED != null && taken(ARMED.resolve(name))) {
      Runtime.getRuntime().halt(137);
    }
  }

  /** Dies here if {@code prefix + suffix} is armed; builds no string when nothing can be. */
  public static void reached(String prefix, Class<?> suffix) {
    if (ARMED != null) {
      reached(prefix + suffix.getSimpleName());
    }
  }

  /** Of several processes (and threads) one wins: that is who deletes the file. */
  private static boolean taken(Path place) {
    try {
      return Files.deleteIfExists(place);
    } catch (IOException e) {
      return false;
    }
  }
}
