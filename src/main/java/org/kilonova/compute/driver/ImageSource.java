package org.kilonova.compute.driver;

import java.nio.file.Path;

/**
 * Where a driver gets image files from. The agent provides it (a local path where the image service
 * keeps its data on this machine, a download over HTTP otherwise).
 */
public interface ImageSource {
  /**
   * Puts the image's bytes into {@code target} (which does not exist yet, its directory does) and
   * verifies the checksum. Blocks.
   *
   * @param checksum expected MD5 in hex, or null
   * @throws DriverException ABORT if the image does not exist or its bytes are wrong, TRANSIENT if
   *     the image service cannot be reached
   */
  void fetch(String imageId, String checksum, Path target);
}
