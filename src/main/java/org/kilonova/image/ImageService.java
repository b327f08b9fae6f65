package org.kilonova.image;

import java.util.Optional;
import org.kilonova.kernel.ImageSpec;

/** The image service as compute needs it. Blocks. */
public interface ImageService {
  /**
   * An image that can be booted from.
   *
   * @return empty if there is none of that id that the viewer may see
   * @throws ImageNotActiveException if it has no data yet or is deactivated
   */
  Optional<ImageSpec> bootable(Viewer viewer, String id);

  /** The image is there but cannot be used now. */
  final class ImageNotActiveException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public ImageNotActiveException(String imageId) {
      super("Image " + imageId + " is not active.");
    }
  }
}
