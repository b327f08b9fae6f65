package org.kilonova.image;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Stream;
import org.kilonova.image.Image.Content;

/**
 * Image data in a directory: one file for each image, named by its id, which is there as a whole or
 * not at all. Several processes may share the directory. Blocks.
 */
public final class ImageFiles {
  private static final String TEMPORARY = ".";
  private static final int BUFFER = 1 << 16;

  private final Path directory;
  private final long maxSize;

  /**
   * @param directory made if it is not there; QEMU's user need not read it
   * @param maxSize of one image, bytes
   */
  public ImageFiles(Path directory, long maxSize) {
    this.directory = directory;
    this.maxSize = maxSize;
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot make the image directory " + directory, e);
    }
  }

  /** The image's file, if it is here. */
  public Optional<Path> find(String imageId) {
    Path file = file(imageId);
    return Files.isRegularFile(file) ? Optional.of(file) : Optional.empty();
  }

  /** Data on the disk that are not an image's yet: {@link #keep} or {@link #discard} them. */
  record Draft(Path file, Content content) {}

  /**
   * Writes the data to a temporary file, durably.
   *
   * @throws ImageException TOO_LARGE
   * @throws DataEndedException if the data end early; nothing is left then
   * @throws IOException if they cannot be written; nothing is left then
   */
  Draft write(String imageId, InputStream data) throws IOException {
    Path file = directory.resolve(TEMPORARY + name(imageId) + "." + UUID.randomUUID());
    try {
      MessageDigest md5 = digest("MD5");
      MessageDigest sha512 = digest("SHA-512");
      VirtualSize virtual = new VirtualSize();
      long size = 0;
      try (FileChannel channel =
              FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
          OutputStream out = Channels.newOutputStream(channel)) {
        byte[] buffer = new byte[BUFFER];
        for (int n = read(data, buffer); n >= 0; n = read(data, buffer)) {
          size += n;
          if (size > maxSize) {
            throw new ImageException(
                ImageException.Kind.TOO_LARGE,
                "Image exceeds the storage quota: the largest possible is " + maxSize + " bytes.");
          }
          md5.update(buffer, 0, n);
          sha512.update(buffer, 0, n);
          virtual.update(buffer, n);
          out.write(buffer, 0, n);
        }
        channel.force(true);
      }
      return new Draft(
          file, new Content(hex(md5), hex(sha512), size, virtual.of(size).orElse(null)));
    } catch (IOException | RuntimeException e) {
      Files.deleteIfExists(file);
      throw e;
    }
  }

  /** Whoever sends the data stopped. */
  static final class DataEndedException extends IOException {
    private static final long serialVersionUID = 1L;

    DataEndedException(IOException cause) {
      super("the data ended early: " + cause.getMessage(), cause);
    }
  }

  private static int read(InputStream data, byte[] buffer) throws DataEndedException {
    try {
      return data.read(buffer);
    } catch (IOException e) {
      throw new DataEndedException(e);
    }
  }

  /** Makes a draft the image's file. */
  Path keep(String imageId, Draft draft) throws IOException {
    Path file = file(imageId);
    Files.move(draft.file(), file, StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel entry = FileChannel.open(directory, StandardOpenOption.READ)) {
      entry.force(true);
    }
    return file;
  }

  void discard(Draft draft) throws IOException {
    Files.deleteIfExists(draft.file());
  }

  void delete(String imageId) throws IOException {
    Files.deleteIfExists(file(imageId));
  }

  /** The ids of the images whose data are here. */
  List<String> ids() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.startsWith(TEMPORARY))
          .toList();
    }
  }

  /** Removes drafts that nobody has written to for a while: their process died. */
  void deleteStaleDrafts(Instant now, Duration age) throws IOException {
    List<Path> drafts = new ArrayList<>();
    try (Stream<Path> files = Files.list(directory)) {
      files.filter(f -> f.getFileName().toString().startsWith(TEMPORARY)).forEach(drafts::add);
    }
    for (Path draft : drafts) {
      try {
        if (Files.getLastModifiedTime(draft).toInstant().isBefore(now.minus(age))) {
          Files.deleteIfExists(draft);
        }
      } catch (NoSuchFileException e) {
        continue; // just kept or discarded
      }
    }
  }

  private Path file(String imageId) {
    return directory.resolve(name(imageId));
  }

  /** Ids are checked where they are chosen; a path made of anything else must not get here. */
  private static String name(String imageId) {
    if (!imageId.matches("[0-9A-Za-z-]+")) {
      throw new IllegalArgumentException("not an image id");
    }
    return imageId;
  }

  static MessageDigest digest(String algorithm) {
    try {
      return MessageDigest.getInstance(algorithm);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  static String hex(MessageDigest digest) {
    return HexFormat.of().formatHex(digest.digest());
  }
}
