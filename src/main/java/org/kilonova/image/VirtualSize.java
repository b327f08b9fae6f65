package org.kilonova.image;

import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Reads from the first bytes of an image how large its disk is: a qcow2's header says it, other
 * data count as raw. Also says whether a qcow2 names other files, which would let its owner read
 * files of the host.
 */
final class VirtualSize {
  private static final int MAGIC = 0x514649fb; // "QFI\xfb"
  private static final int HEADER = 80;
  private static final int BACKING_FILE = 8;
  private static final int SIZE = 24;
  private static final int INCOMPATIBLE_FEATURES = 72;
  private static final long EXTERNAL_DATA = 1 << 2;

  private final ByteBuffer head = ByteBuffer.allocate(HEADER);

  /** Takes the next {@code count} bytes in. */
  void update(byte[] bytes, int count) {
    head.put(bytes, 0, Math.min(count, head.remaining()));
  }

  /**
   * The size of the disk.
   *
   * @param size of the data
   * @return empty for a qcow2 that is cut off
   * @throws ImageException BAD_REQUEST if it names another file
   */
  Optional<Long> of(long size) {
    if (head.position() < Integer.BYTES || head.getInt(0) != MAGIC) {
      return Optional.of(size);
    }
    if (head.hasRemaining()) {
      return Optional.empty();
    }
    int version = head.getInt(4);
    boolean external = version >= 3 && (head.getLong(INCOMPATIBLE_FEATURES) & EXTERNAL_DATA) != 0;
    if (head.getLong(BACKING_FILE) != 0 || external) {
      throw new ImageException(
          ImageException.Kind.BAD_REQUEST,
          "The image refers to another file (a backing or data file), which is not allowed.");
    }
    return Optional.of(head.getLong(SIZE));
  }
}
