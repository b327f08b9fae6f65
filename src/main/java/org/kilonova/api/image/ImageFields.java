package org.kilonova.api.image;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.kilonova.api.http.ApiFault;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Image.Visibility;

/** An image's attributes while a request changes them, one key after the other. */
final class ImageFields {
  /** What Glance makes, and nobody sets. */
  static final Set<String> READ_ONLY =
      Set.of(
          "id",
          "status",
          "checksum",
          "os_hash_algo",
          "os_hash_value",
          "size",
          "virtual_size",
          "created_at",
          "updated_at",
          "file",
          "self",
          "schema",
          "direct_url",
          "stores");

  private static final Set<String> RESERVED = Set.of("locations", "deleted", "deleted_at");
  private static final Set<String> DISK_FORMATS =
      Set.of("ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop");
  private static final Set<String> CONTAINER_FORMATS =
      Set.of("ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed");
  private static final Set<String> BASE =
      Set.of(
          "name",
          "owner",
          "visibility",
          "protected",
          "os_hidden",
          "min_disk",
          "min_ram",
          "disk_format",
          "container_format",
          "tags");
  private static final int TEXT_MAX = 255;
  private static final int PROPERTIES_MAX = 128;
  private static final int TAGS_MAX = 128;

  private String name;
  private String owner;
  private Visibility visibility;
  private boolean isProtected;
  private boolean hidden;
  private int minDisk;
  private int minRam;
  private String diskFormat;
  private String containerFormat;
  private List<String> tags;
  private final Map<String, String> properties;

  private ImageFields(Attributes a) {
    name = a.name();
    owner = a.owner();
    visibility = a.visibility();
    isProtected = a.isProtected();
    hidden = a.hidden();
    minDisk = a.minDisk();
    minRam = a.minRam();
    diskFormat = a.diskFormat();
    containerFormat = a.containerFormat();
    tags = a.tags();
    properties = new HashMap<>(a.properties());
  }

  /** To change an image. */
  static ImageFields of(Attributes attributes) {
    return new ImageFields(attributes);
  }

  /** To make one for the project. */
  static ImageFields ofNew(String projectId) {
    return new ImageFields(
        new Attributes(
            null,
            projectId,
            Visibility.SHARED,
            false,
            false,
            0,
            0,
            null,
            null,
            List.of(),
            Map.of()));
  }

  /** Whether the image has the key now. */
  boolean has(String key) {
    return BASE.contains(key) || READ_ONLY.contains(key) || properties.containsKey(key);
  }

  /**
   * Sets a key.
   *
   * @throws ApiFault 403 if nobody may, 400 if the value is none for it
   */
  void set(String key, JsonNode value) {
    checkWritable(key);
    switch (key) {
      case "name" -> name = text(key, value);
      case "owner" -> owner = text(key, value);
      case "visibility" ->
          visibility =
              Visibility.of(value.asText())
                  .orElseThrow(
                      () ->
                          invalid(
                              key,
                              value
                                  + " is not one of ['community', 'public', 'private', 'shared']"));
      case "protected" -> isProtected = bool(key, value);
      case "os_hidden" -> hidden = bool(key, value);
      case "min_disk" -> minDisk = number(key, value);
      case "min_ram" -> minRam = number(key, value);
      case "disk_format" -> diskFormat = format(key, value, DISK_FORMATS);
      case "container_format" -> containerFormat = format(key, value, CONTAINER_FORMATS);
      case "tags" -> tags = tags(value);
      default -> {
        if (key.isEmpty() || key.length() > TEXT_MAX) {
          throw invalid(key, "a property's name has 1 to 255 characters");
        }
        if (!value.isTextual()) {
          throw invalid(key, value + " is not of type 'string'");
        }
        properties.put(key, value.textValue());
      }
    }
  }

  /**
   * Takes a property away.
   *
   * @throws ApiFault 403 if it is none
   */
  void remove(String key) {
    checkWritable(key);
    if (BASE.contains(key)) {
      throw ApiFault.forbidden("Property " + key + " may not be removed.");
    }
    properties.remove(key);
  }

  private static void checkWritable(String key) {
    if (READ_ONLY.contains(key)) {
      throw ApiFault.forbidden("Attribute '" + key + "' is read-only.");
    }
    if (RESERVED.contains(key)) {
      throw ApiFault.forbidden("Attribute '" + key + "' is reserved.");
    }
  }

  /** All of it. */
  Attributes attributes() {
    if (properties.size() > PROPERTIES_MAX) {
      throw new ApiFault(
          413, "The limit of " + PROPERTIES_MAX + " image properties has been exceeded.");
    }
    boolean amazon =
        Set.of("ami", "aki", "ari").contains(String.valueOf(containerFormat))
            || Set.of("ami", "aki", "ari").contains(String.valueOf(diskFormat));
    if (amazon && containerFormat != null && diskFormat != null) {
      boolean agree = containerFormat.equals(diskFormat) || containerFormat.equals("bare");
      if (!agree) {
        throw ApiFault.badRequest(
            "Invalid mix of disk and container formats. When setting a disk or container format"
                + " to one of 'aki', 'ari', or 'ami', the container and disk formats must match.");
      }
    }
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
        tags,
        properties);
  }

  private static String text(String key, JsonNode value) {
    if (value.isNull()) {
      return null;
    }
    if (!value.isTextual()) {
      throw invalid(key, value + " is not of type 'null', 'string'");
    }
    if (value.textValue().length() > TEXT_MAX) {
      throw invalid(key, "'" + value.textValue() + "' is too long");
    }
    return value.textValue();
  }

  private static boolean bool(String key, JsonNode value) {
    if (!value.isBoolean()) {
      throw invalid(key, value + " is not of type 'boolean'");
    }
    return value.booleanValue();
  }

  private static int number(String key, JsonNode value) {
    if (!value.isInt() || value.intValue() < 0) {
      throw invalid(key, value + " is not a number from 0 to 2147483647");
    }
    return value.intValue();
  }

  private static String format(String key, JsonNode value, Set<String> known) {
    String format = text(key, value);
    if (format != null && !known.contains(format)) {
      throw invalid(key, "'" + format + "' is not one of " + known.stream().sorted().toList());
    }
    return format;
  }

  static List<String> tags(JsonNode value) {
    if (!value.isArray()) {
      throw invalid("tags", value + " is not of type 'array'");
    }
    Set<String> tags = new LinkedHashSet<>();
    for (JsonNode tag : value) {
      if (!tag.isTextual()) {
        throw invalid("tags", tag + " is not of type 'string'");
      }
      tags.add(tag.textValue());
    }
    return checked(tags);
  }

  static List<String> checked(Set<String> tags) {
    tags.forEach(
        tag -> {
          if (tag.length() > TEXT_MAX) {
            throw invalid("tags", "'" + tag + "' is too long");
          }
        });
    if (tags.size() > TAGS_MAX) {
      throw new ApiFault(413, "The limit of " + TAGS_MAX + " image tags has been exceeded.");
    }
    return new ArrayList<>(tags);
  }

  private static ApiFault invalid(String key, String why) {
    return ApiFault.badRequest(
        "Provided object does not match schema 'image': " + why + " (" + key + ")");
  }
}
