package org.kilonova.boot;

import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.boot.BootRefusedException.Kind;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.OsloBool;

/**
 * Checks of a create request against the flavor, the image and the limits, in the words of {@code
 * nova/compute/api.py}. Pure.
 */
final class BootChecks {
  private static final long GIB = 1L << 30;

  /**
   * Hints whose filter does not exist here. Nova ignores them unless an operator turns the filter
   * on; a server that ends up where it must not is worse than a refusal.
   */
  private static final Set<String> UNSUPPORTED_HINTS =
      Set.of("query", "build_near_host_ip", "cidr", "target_cell", "different_cell");

  private BootChecks() {}

  /** Whether the image fits the flavor. */
  static void flavorFitsImage(FlavorSpec flavor, ImageSpec image, boolean admin) {
    String configDrive = image.properties().getOrDefault("img_config_drive", "optional");
    if (!Set.of("optional", "mandatory").contains(configDrive)) {
      throw new BootRefusedException(
          Kind.IMAGE_UNACCEPTABLE, "Image's config drive option '" + configDrive + "' is invalid");
    }
    if (image.properties().containsKey("cinder_encryption_key_id")) {
      throw new BootRefusedException(
          Kind.IMAGE_UNACCEPTABLE,
          "Image %s is unacceptable: Direct booting of an image uploaded from an encrypted volume is unsupported."
              .formatted(image.id()));
    }
    if (flavor.memoryMb() < image.minRamMb()) {
      throw new BootRefusedException(
          Kind.IMAGE_UNACCEPTABLE, "Flavor's memory is too small for requested image.");
    }
    if (flavor.diskGb() == 0) {
      if (!admin) { // the image's size would not be bounded by anything that is paid for
        throw new BootRefusedException(
            Kind.FORBIDDEN, "Only volume-backed servers are allowed for flavors with zero disk.");
      }
      return;
    }
    long disk = flavor.diskGb() * GIB;
    if (image.sizeBytes() > disk) {
      throw new BootRefusedException(
          Kind.IMAGE_UNACCEPTABLE,
          "Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d bytes."
              .formatted(disk, image.sizeBytes()));
    }
    if (image.minDiskGb() * GIB > disk) {
      throw new BootRefusedException(
          Kind.IMAGE_UNACCEPTABLE,
          "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is %d bytes, minimum size is %d bytes."
              .formatted(disk, image.minDiskGb() * GIB));
    }
  }

  /** Number of metadata items. */
  static void metadata(Map<String, String> metadata, Map<String, Integer> limits) {
    int limit = limits.getOrDefault("metadata_items", -1);
    if (limit >= 0 && metadata.size() > limit) {
      throw new BootRefusedException(
          Kind.OVER_QUOTA, "Maximum number of metadata items exceeds " + limit);
    }
  }

  /** Number, path lengths and (decoded) sizes of injected files. */
  static void personality(List<InjectedFile> files, Map<String, Integer> limits) {
    int number = limits.getOrDefault("injected_files", -1);
    if (number >= 0 && files.size() > number) {
      throw new BootRefusedException(Kind.OVER_QUOTA, "Personality file limit exceeded");
    }
    int path = limits.getOrDefault("injected_file_path_bytes", -1);
    int content = limits.getOrDefault("injected_file_content_bytes", -1);
    for (InjectedFile file : files) {
      if (path >= 0 && file.path().length() > path) {
        throw new BootRefusedException(
            Kind.OVER_QUOTA, "Personality file path exceeds maximum " + path);
      }
      if (content >= 0 && Base64.getMimeDecoder().decode(file.contents()).length > content) {
        throw new BootRefusedException(
            Kind.OVER_QUOTA, "Personality file content exceeds maximum " + content);
      }
    }
  }

  /** There is no network service with security groups yet: each project has {@code default}. */
  static List<String> securityGroups(List<String> names) {
    if (names == null || names.isEmpty()) {
      return List.of("default");
    }
    for (String name : names) {
      if (!name.equals("default")) {
        throw new BootRefusedException(
            Kind.SECURITY_GROUP_NOT_FOUND, "Security group " + name + " not found.");
      }
    }
    return names;
  }

  static void hints(Map<String, List<String>> hints) {
    for (String hint : hints.keySet()) {
      if (UNSUPPORTED_HINTS.contains(hint)) {
        throw new BootRefusedException(
            Kind.INVALID, "The scheduler hint '" + hint + "' is not supported.");
      }
    }
  }

  /** AUTO or MANUAL, as asked for or as the image wants it. */
  static String diskConfig(String requested, ImageSpec image) {
    String ofImage = image.properties().getOrDefault("auto_disk_config", "False");
    if ("AUTO".equals(requested) && ofImage.strip().equalsIgnoreCase("disabled")) {
      throw new BootRefusedException(
          Kind.INVALID, "Requested image " + image.id() + " has automatic disk resize disabled.");
    }
    if (requested != null) {
      return requested;
    }
    boolean auto = OsloBool.parse(ofImage).orElse(false);
    return auto ? "AUTO" : "MANUAL";
  }
}
