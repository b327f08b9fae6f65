package org.kilonova.api.compute.servers;

import com.fasterxml.jackson.databind.JsonNode;
import org.kilonova.api.http.ApiFault;

/**
 * The block device mappings of a create request. There is no volume service yet, so the one mapping
 * that can be carried out is the one that says what is so anyway: the image is the local boot disk.
 * All others are refused, in Nova's words ({@code nova/block_device.py}, {@code
 * nova/exception.py}).
 */
final class BlockDeviceMappings {
  private BlockDeviceMappings() {}

  /**
   * Checks both syntaxes.
   *
   * @throws ApiFault 400 unless only the image's own boot disk is mapped
   */
  static void check(JsonNode server) {
    JsonNode legacy = server.path("block_device_mapping");
    JsonNode mappings = server.path("block_device_mapping_v2");
    if (!legacy.isEmpty() && !mappings.isEmpty()) {
      throw ApiFault.badRequest(
          "Using different block_device_mapping syntaxes is not allowed in the same request.");
    }
    for (JsonNode mapping : legacy) {
      if (mapping.hasNonNull("volume_id")) {
        throw noVolume(mapping.get("volume_id").asText());
      }
      if (mapping.hasNonNull("snapshot_id")) {
        throw noSnapshot(mapping.get("snapshot_id").asText());
      }
      throw invalid("only the image's own boot disk can be mapped in this cloud");
    }
    boolean bootDisk = false;
    for (JsonNode mapping : mappings) {
      checkFormat(server, mapping);
      if (!isLocalImage(mapping)) {
        throw unsupported(mapping);
      }
      if (bootDisk || !mapping.get("uuid").asText().equals(imageId(server))) {
        throw invalid(
            "Boot sequence for the instance and image/block device mapping combination is not"
                + " valid.");
      }
      bootDisk = true;
    }
  }

  /** What Nova's {@code BlockDeviceDict.from_api} refuses. */
  private static void checkFormat(JsonNode server, JsonNode mapping) {
    String source = mapping.path("source_type").asText();
    boolean hasUuid = mapping.hasNonNull("uuid");
    if (source.equals("blank") && hasUuid) {
      throw invalid("Invalid device UUID.");
    }
    if (!source.equals("blank") && !hasUuid) {
      throw invalid("Missing device UUID.");
    }
    if (isLocalImage(mapping)
        && !(mapping.path("boot_index").asInt(-1) == 0 && !imageId(server).isEmpty())) {
      throw invalid("Mapping image to local is not supported.");
    }
    if (mapping.hasNonNull("volume_type")) {
      if (mapping.path("destination_type").asText().equals("local")) {
        throw invalid("Specifying a volume_type with destination_type=local is not supported.");
      }
      if (source.equals("volume")) {
        throw invalid("Specifying volume type to existing volume is not supported.");
      }
    }
  }

  private static boolean isLocalImage(JsonNode mapping) {
    return mapping.path("source_type").asText().equals("image")
        && mapping.path("destination_type").asText().equals("local");
  }

  private static String imageId(JsonNode server) {
    String ref = server.path("imageRef").asText();
    return ref.substring(ref.lastIndexOf('/') + 1);
  }

  private static ApiFault unsupported(JsonNode mapping) {
    String uuid = mapping.path("uuid").asText();
    return switch (mapping.path("source_type").asText()) {
      case "volume" -> noVolume(uuid);
      case "snapshot" -> noSnapshot(uuid);
      default -> invalid("only the image's own boot disk can be mapped in this cloud");
    };
  }

  private static ApiFault noVolume(String id) {
    return invalid("failed to get volume " + id + ".");
  }

  private static ApiFault noSnapshot(String id) {
    return invalid("failed to get snapshot " + id + ".");
  }

  private static ApiFault invalid(String details) {
    return ApiFault.badRequest("Block Device Mapping is Invalid: " + details);
  }
}
