package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLockInterruptionException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.locks.ReentrantLock;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;

/**
 * Locks that hold between the threads of this process and between all compute processes of this
 * machine; the kernel drops them when a process dies.
 *
 * <p>The lock files are a fixed number of stripes for each kind of thing, so they neither pile up
 * nor have to be deleted (deleting a lock file that somebody waits on would hand the lock out
 * twice). Nest them in the order instance, image, base, network only: each kind is a rank of its
 * own.
 */
final class FileLocks {
  private static final int STRIPES = 64;

  /**
   * One for each file in this JVM. POSIX drops all of a process's locks on a file as soon as it
   * closes any descriptor of it, so two threads must never have the same file open.
   */
  private static final ConcurrentMap<Path, ReentrantLock> IN_PROCESS = new ConcurrentHashMap<>();

  private final Path directory;

  FileLocks(Path directory) {
    this.directory = directory;
  }

  /** A lock that is held until it is closed. */
  interface Held extends AutoCloseable {
    @Override
    void close();
  }

  Held instance(Object id) {
    return hold("instance", id);
  }

  Held image(Object id) {
    return hold("image", id);
  }

  /** Held for a moment only; {@link #image} may be held as long as a download takes. */
  Held base(Object id) {
    return hold("base", id);
  }

  Held network(Object id) {
    return hold("network", id);
  }

  /** Waits until it has the lock; an interrupt ends the wait with TRANSIENT. */
  private Held hold(String kind, Object id) {
    int stripe = Math.floorMod(id.toString().hashCode(), STRIPES);
    Path file = directory.resolve("%s-%02d".formatted(kind, stripe));
    ReentrantLock mine = IN_PROCESS.computeIfAbsent(file, f -> new ReentrantLock());
    FileChannel channel = null;
    try {
      mine.lockInterruptibly();
      try {
        Directories.traversable(directory);
        channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        channel.lock();
      } catch (IOException | RuntimeException e) {
        release(mine, channel);
        throw e;
      }
    } catch (InterruptedException | FileLockInterruptionException | ClosedByInterruptException e) {
      Thread.currentThread().interrupt();
      throw new DriverException(
          Kind.TRANSIENT, "interrupted while waiting for the lock of " + kind + " " + id, e);
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot lock " + file + ": " + e, e);
    }
    FileChannel held = channel;
    return () -> release(mine, held);
  }

  private static void release(ReentrantLock mine, FileChannel channel) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      // closing gives the descriptor back even when it reports an error
    } finally {
      mine.unlock();
    }
  }
}
