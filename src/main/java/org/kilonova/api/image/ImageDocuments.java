package org.kilonova.api.image;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import org.kilonova.api.http.Json;
import org.kilonova.image.Image;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Member;

/** The image API's documents: flat, with every key that there is at all times. */
final class ImageDocuments {
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss'Z'").withZone(ZoneOffset.UTC);

  private ImageDocuments() {}

  static String time(Instant instant) {
    return TIME.format(instant);
  }

  static ObjectNode image(Image image) {
    ObjectNode node = Json.object();
    Attributes a = image.attributes();
    a.properties().forEach(node::put);
    node.put("id", image.id()).put("name", a.name()).put("status", image.status().toString());
    node.put("visibility", a.visibility().toString()).put("owner", a.owner());
    node.put("protected", a.isProtected()).put("os_hidden", a.hidden());
    image
        .content()
        .ifPresentOrElse(
            c ->
                node.put("checksum", c.md5())
                    .put("os_hash_algo", Image.HASH_ALGORITHM)
                    .put("os_hash_value", c.sha512())
                    .put("size", c.size())
                    .put("virtual_size", c.virtualSize()),
            () ->
                List.of("checksum", "os_hash_algo", "os_hash_value", "size", "virtual_size")
                    .forEach(node::putNull));
    node.put("min_disk", a.minDisk()).put("min_ram", a.minRam());
    node.put("disk_format", a.diskFormat()).put("container_format", a.containerFormat());
    node.put("created_at", time(image.createdAt())).put("updated_at", time(image.updatedAt()));
    ArrayNode tags = node.putArray("tags");
    a.tags().forEach(tags::add);
    String self = "/v2/images/" + image.id();
    return node.put("self", self).put("file", self + "/file").put("schema", "/v2/schemas/image");
  }

  static ObjectNode member(Member member) {
    return Json.object()
        .put("image_id", member.imageId())
        .put("member_id", member.memberId())
        .put("status", member.status())
        .put("created_at", time(member.createdAt()))
        .put("updated_at", time(member.updatedAt()))
        .put("schema", "/v2/schemas/member");
  }
}
