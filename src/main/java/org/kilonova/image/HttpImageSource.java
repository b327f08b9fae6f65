package org.kilonova.image;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.ImageSource;

/**
 * Image files for a compute host: copied where the image service keeps its data on this machine
 * (the file system shares the blocks if it can), downloaded from a controller otherwise.
 */
public final class HttpImageSource implements ImageSource {
  private static final int BUFFER = 1 << 16;

  private final Optional<ImageFiles> local;
  private final PeerImages controllers;
  private final Supplier<List<String>> endpoints;

  /**
   * @param local if a controller of this machine keeps images
   * @param endpoints base URLs of front doors, to be asked in this order
   */
  public HttpImageSource(
      Optional<ImageFiles> local, PeerImages controllers, Supplier<List<String>> endpoints) {
    this.local = local;
    this.controllers = controllers;
    this.endpoints = endpoints;
  }

  @Override
  public void fetch(String imageId, String checksum, Path target) {
    Path part = target.resolveSibling(target.getFileName() + ".part");
    try {
      try {
        Files.deleteIfExists(part);
        Optional<Path> file = local.flatMap(files -> files.find(imageId));
        if (file.isPresent()) {
          Files.copy(file.get(), part);
          verify(imageId, checksum, part);
        } else {
          download(imageId, checksum, part);
        }
        try (FileChannel channel = FileChannel.open(part, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
        Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(part);
      }
    } catch (IOException e) {
      throw new DriverException(
          Kind.TRANSIENT, "Image " + imageId + " could not be written: " + e.getMessage(), e);
    }
  }

  private void download(String imageId, String checksum, Path part) {
    String problem = "no controller is known";
    boolean missing = false;
    for (String endpoint : endpoints.get()) {
      MessageDigest md5 = ImageFiles.digest("MD5");
      try (InputStream data =
          new DigestInputStream(controllers.open(endpoint, imageId, false), md5)) {
        Files.copy(data, part, StandardCopyOption.REPLACE_EXISTING);
        compare(imageId, checksum, ImageFiles.hex(md5));
        return;
      } catch (PeerImages.NotServedException e) {
        missing |= e.status() == 404 || e.status() == 204;
        problem = e.getMessage();
      } catch (IOException e) {
        problem = endpoint + ": " + e;
      }
    }
    if (missing) {
      throw new DriverException(Kind.ABORT, "Image " + imageId + " could not be found.");
    }
    throw new DriverException(
        Kind.TRANSIENT, "Image " + imageId + " could not be downloaded: " + problem);
  }

  private static void verify(String imageId, String checksum, Path file) throws IOException {
    if (checksum == null) {
      return;
    }
    MessageDigest md5 = ImageFiles.digest("MD5");
    byte[] buffer = new byte[BUFFER];
    try (InputStream in = Files.newInputStream(file)) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        md5.update(buffer, 0, n);
      }
    }
    compare(imageId, checksum, ImageFiles.hex(md5));
  }

  private static void compare(String imageId, String expected, String actual) {
    if (expected != null && !expected.equalsIgnoreCase(actual)) {
      throw new DriverException(
          Kind.ABORT,
          "Image %s has the checksum %s, expected %s.".formatted(imageId, actual, expected));
    }
  }
}
