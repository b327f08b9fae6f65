package org.kilonova.image;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * An image's metadata.
 *
 * @param content what its data are; empty until there are some
 */
public record Image(
    String id,
    Status status,
    Attributes attributes,
    Optional<Content> content,
    Instant createdAt,
    Instant updatedAt) {
  /** How {@link Content#sha512} is called. */
  public static final String HASH_ALGORITHM = "sha512";

  /** Where an image is in its life. */
  public enum Status {
    /** metadata only */
    QUEUED,
    /** data is being uploaded */
    SAVING,
    ACTIVE,
    /** only administrators get its data */
    DEACTIVATED;

    /** As the API and the table have it. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** Who sees an image besides its owner. */
  public enum Visibility {
    /** everybody */
    PUBLIC,
    /** nobody */
    PRIVATE,
    /** its members */
    SHARED,
    /** everybody, but only those who ask for such images have it in their lists */
    COMMUNITY;

    /** As the API and the table have it. */
    @Override
    public String toString() {
      return name().toLowerCase(Locale.ROOT);
    }

    /** The value of that name in the API, if there is one. */
    public static Optional<Visibility> of(String name) {
      return List.of(values()).stream().filter(v -> v.toString().equals(name)).findFirst();
    }
  }

  /**
   * What a client may change.
   *
   * @param name or null
   * @param owner the project that it belongs to, or null
   * @param isProtected it cannot be deleted
   * @param hidden lists leave it out unless asked
   * @param minDisk GiB
   * @param minRam MiB
   * @param diskFormat or null until it is set
   * @param containerFormat or null until it is set
   * @param properties all other properties, e.g. {@code kernel_id}
   */
  public record Attributes(
      String name,
      String owner,
      Visibility visibility,
      boolean isProtected,
      boolean hidden,
      int minDisk,
      int minRam,
      String diskFormat,
      String containerFormat,
      List<String> tags,
      Map<String, String> properties) {
    public Attributes {
      tags = List.copyOf(tags);
      properties = Map.copyOf(properties);
    }

    /** The same with other tags. */
    public Attributes withTags(List<String> newTags) {
      return new Attributes(
          name,
          owner,
          visibility,
          isProtected,
          hidden,
          minDisk,
          minRam,
          diskFormat,
          containerFormat,
          newTags,
          properties);
    }
  }

  /**
   * What the data are.
   *
   * @param md5 in hex: {@code checksum}
   * @param sha512 in hex: {@code os_hash_value}
   * @param size bytes
   * @param virtualSize of the disk that they are the data of, bytes; null if not known
   */
  public record Content(String md5, String sha512, long size, Long virtualSize) {}
}
