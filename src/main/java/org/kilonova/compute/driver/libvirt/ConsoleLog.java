package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;

/** What a guest wrote to its serial console, in the files that virtlogd keeps of it. */
final class ConsoleLog {
  private ConsoleLog() {}

  /**
   * The last bytes.
   *
   * @param directory of the instance
   */
  static byte[] tail(Path directory, int maxBytes) {
    Path log = directory.resolve("console.log");
    byte[] tail = new byte[0];
    // virtlogd moves a full file to console.log.0, that one to console.log.1 and so on.
    for (int generation = -1; tail.length < maxBytes; generation++) {
      Path file = generation < 0 ? log : log.resolveSibling("console.log." + generation);
      byte[] before = end(file, maxBytes - tail.length);
      if (before == null) {
        break;
      }
      byte[] joined = new byte[before.length + tail.length];
      System.arraycopy(before, 0, joined, 0, before.length);
      System.arraycopy(tail, 0, joined, before.length, tail.length);
      tail = joined;
    }
    return tail;
  }

  /** The last bytes of a file, or null if there is none. */
  private static byte[] end(Path file, int maxBytes) {
    try (SeekableByteChannel channel = Files.newByteChannel(file)) {
      channel.position(Math.max(0, channel.size() - maxBytes));
      ByteBuffer buffer = ByteBuffer.allocate((int) Math.min(maxBytes, channel.size()));
      while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
        // until the end: a read may give less than was asked for
      }
      byte[] bytes = new byte[buffer.position()];
      buffer.flip().get(bytes);
      return bytes;
    } catch (NoSuchFileException e) {
      return null;
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot read " + file + ": " + e, e);
    }
  }
}
