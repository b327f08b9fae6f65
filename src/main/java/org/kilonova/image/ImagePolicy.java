package org.kilonova.image;

import java.util.Objects;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Image.Visibility;
import org.kilonova.image.ImageException.Kind;

/** Who may do what with an image: Glance's default policy. Pure. */
final class ImagePolicy {
  private ImagePolicy() {}

  static boolean owns(Viewer viewer, Attributes image) {
    return viewer.admin()
        || (viewer.projectId() != null && viewer.projectId().equals(image.owner()));
  }

  /**
   * Whether the image is there for the viewer.
   *
   * @param member it is shared with the viewer's project
   */
  static boolean sees(Viewer viewer, Attributes image, boolean member) {
    return viewer.seesAll()
        || owns(viewer, image)
        || switch (image.visibility()) {
          case PUBLIC, COMMUNITY -> true;
          case SHARED -> member;
          case PRIVATE -> false;
        };
  }

  /** Refuses a new image that the viewer may not make. */
  static void checkCreate(Viewer viewer, Attributes image) {
    if (!owns(viewer, image)) {
      throw new ImageException(
          Kind.FORBIDDEN,
          "You are not permitted to create images owned by '" + image.owner() + "'.");
    }
    if (image.visibility() == Visibility.PUBLIC) {
      checkPublicize(viewer);
    }
  }

  /** Refuses a change that the viewer may not make. */
  static void checkUpdate(Viewer viewer, Attributes before, Attributes after) {
    if (!Objects.equals(before.owner(), after.owner()) && !viewer.admin()) {
      throw new ImageException(
          Kind.FORBIDDEN, "You are not permitted to change the owner of this image.");
    }
    if (after.visibility() == Visibility.PUBLIC && before.visibility() != Visibility.PUBLIC) {
      checkPublicize(viewer);
    }
  }

  static void checkOwns(Viewer viewer, Attributes image, String action) {
    if (!owns(viewer, image)) {
      throw new ImageException(
          Kind.FORBIDDEN, "You are not permitted to " + action + " this image.");
    }
  }

  static void checkDelete(Viewer viewer, String id, Attributes image) {
    checkOwns(viewer, image, "delete");
    if (image.isProtected()) {
      throw new ImageException(
          Kind.FORBIDDEN, "Image " + id + " is protected and cannot be deleted.");
    }
  }

  static void checkAdmin(Viewer viewer, String action) {
    if (!viewer.admin()) {
      throw new ImageException(
          Kind.FORBIDDEN, "You are not authorized to complete " + action + " action.");
    }
  }

  private static void checkPublicize(Viewer viewer) {
    checkAdmin(viewer, "publicize_image");
  }
}
