package org.kilonova.api.image;

import static org.kilonova.api.http.Method.DELETE;
import static org.kilonova.api.http.Method.GET;
import static org.kilonova.api.http.Method.PATCH;
import static org.kilonova.api.http.Method.POST;
import static org.kilonova.api.http.Method.PUT;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.FaultStyle;
import org.kilonova.api.http.Handler;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.api.http.Service;
import org.kilonova.identity.Caller;
import org.kilonova.image.Image;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.ImageException;
import org.kilonova.image.ImageQuery;
import org.kilonova.image.Images;
import org.kilonova.image.PeerImages;
import org.kilonova.image.Viewer;

/** The image API: Glance v2 under {@code /image}. */
public final class ImageApi {
  private static final List<String> VERSIONS =
      List.of(
          "v2.15", "v2.13", "v2.12", "v2.11", "v2.10", "v2.9", "v2.8", "v2.7", "v2.6", "v2.5",
          "v2.4", "v2.3", "v2.2", "v2.1", "v2.0");
  private static final int PATCH_MAX_BYTES = 1 << 20;
  private static final Set<String> MEMBER_STATES = Set.of("pending", "accepted", "rejected");

  private final Images images;

  private ImageApi(Images images) {
    this.images = images;
  }

  /** The service for the front door. */
  public static Service service(Images images) {
    ImageApi api = new ImageApi(images);
    return Service.named("image", "/image", FaultStyle.GLANCE)
        .mount(
            "",
            root ->
                root.route(GET, "/")
                    .open()
                    .to(call -> versions(300, call))
                    .route(GET, "/versions")
                    .open()
                    .to(call -> versions(200, call)))
        .mount("v2", api::mount)
        .build();
  }

  private void mount(Mount v2) {
    v2
        .route(GET, "/images")
        .to(guarded(this::list))
        .route(POST, "/images")
        .json()
        .to(guarded(this::create))
        // an image without an id
        .route(DELETE, "/images")
        .to(
            call -> {
              throw ImageApi.notFound();
            })
        .route(GET, "/images/{id}")
        .to(guarded(this::show))
        .route(PATCH, "/images/{id}")
        .stream()
        .to(guarded(this::patch))
        .route(DELETE, "/images/{id}")
        .to(guarded(this::delete))
        .route(PUT, "/images/{id}/file")
        .stream()
        .to(guarded(this::upload))
        // a stream as well: fetching the data from another controller may take its time
        .route(GET, "/images/{id}/file")
        .stream()
        .to(guarded(this::download))
        .route(POST, "/images/{id}/actions/deactivate")
        .to(
            guarded(
                call -> {
                  images.deactivate(viewer(call), call.path("id"));
                  return Reply.empty(204);
                }))
        .route(POST, "/images/{id}/actions/reactivate")
        .to(
            guarded(
                call -> {
                  images.reactivate(viewer(call), call.path("id"));
                  return Reply.empty(204);
                }))
        .route(PUT, "/images/{id}/tags/{tag}")
        .to(guarded(this::addTag))
        .route(DELETE, "/images/{id}/tags/{tag}")
        .to(guarded(this::removeTag))
        .route(GET, "/images/{id}/members")
        .to(guarded(this::members))
        .route(POST, "/images/{id}/members")
        .json()
        .to(guarded(this::addMember))
        .route(GET, "/images/{id}/members/{member}")
        .to(guarded(this::member))
        .route(PUT, "/images/{id}/members/{member}")
        .json()
        .to(guarded(this::answerMembership))
        .route(DELETE, "/images/{id}/members/{member}")
        .to(guarded(this::removeMember))
        .route(GET, "/schemas/{name}")
        .to(guarded(ImageApi::schema))
        .route(GET, "/info/import")
        .to(
            call -> {
              ObjectNode document = Json.object();
              document
                  .putObject("import-methods")
                  .put("description", "Import methods available.")
                  .put("type", "array")
                  .putArray("value");
              return Reply.json(200, document);
            });
  }

  private static Reply versions(int status, Call call) {
    String url = call.baseUrl() + "/image/v2/";
    ObjectNode document = Json.object();
    ArrayNode versions = document.putArray("versions");
    for (String id : VERSIONS) {
      ObjectNode version = versions.addObject().put("id", id);
      version.put("status", versions.size() == 1 ? "CURRENT" : "SUPPORTED");
      version.putArray("links").addObject().put("rel", "self").put("href", url);
    }
    return Reply.json(status, document);
  }

  private static Viewer viewer(Call call) {
    Caller caller = call.caller();
    return new Viewer(caller.projectId(), caller.isAdmin(), caller.roles().contains("service"));
  }

  private static ApiFault notFound() {
    return ApiFault.notFound("The resource could not be found.");
  }

  private Reply list(Call call) {
    if (call.rawPath().endsWith("/")) {
      throw notFound();
    }
    ImageQuery query = ImageQueries.read(call);
    List<Image> found = images.list(viewer(call), query);
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("images");
    found.forEach(image -> list.add(ImageDocuments.image(image)));
    document.put("first", url(call, null));
    if (!found.isEmpty() && found.size() == query.limit()) {
      document.put("next", url(call, found.getLast().id()));
    }
    document.put("schema", "/v2/schemas/images");
    return Reply.json(200, document);
  }

  /** The same list from another marker on. */
  private static String url(Call call, String marker) {
    StringBuilder url = new StringBuilder("/v2/images");
    char separator = '?';
    for (Map.Entry<String, List<String>> parameter : call.query().entrySet()) {
      if (parameter.getKey().equals("marker")) {
        continue;
      }
      for (String value : parameter.getValue()) {
        url.append(separator).append(encode(parameter.getKey())).append('=').append(encode(value));
        separator = '&';
      }
    }
    return marker == null
        ? url.toString()
        : url.append(separator).append("marker=").append(encode(marker)).toString();
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  private Reply create(Call call) {
    JsonNode body = call.body();
    if (!body.isObject()) {
      throw ApiFault.badRequest("Provided object does not match schema 'image': not an object");
    }
    String id = UUID.randomUUID().toString();
    ImageFields fields = ImageFields.ofNew(call.caller().projectId());
    for (Map.Entry<String, JsonNode> field : body.properties()) {
      if (field.getKey().equals("id")) {
        id = id(field.getValue());
      } else {
        fields.set(field.getKey(), field.getValue());
      }
    }
    Image image = images.create(viewer(call), id, fields.attributes());
    return Reply.json(201, ImageDocuments.image(image))
        .header("Location", call.serviceUrl() + "/images/" + image.id())
        .header("OpenStack-image-store-ids", "file");
  }

  private static String id(JsonNode value) {
    try {
      String id = UUID.fromString(value.asText()).toString();
      if (id.equals(value.asText())) {
        return id;
      }
    } catch (IllegalArgumentException e) {
      throw ApiFault.badRequest("Provided object does not match schema 'image': id is no uuid");
    }
    throw ApiFault.badRequest("Provided object does not match schema 'image': id is no uuid");
  }

  private Reply show(Call call) {
    return Reply.json(200, ImageDocuments.image(images.get(viewer(call), call.path("id"))));
  }

  private Reply patch(Call call) throws IOException {
    boolean old = call.contentType().equals(ImagePatch.OLD_MEDIA_TYPE);
    if (!old && !call.contentType().equals(ImagePatch.MEDIA_TYPE)) {
      throw new ApiFault(415, "The media type must be " + ImagePatch.MEDIA_TYPE);
    }
    byte[] bytes;
    try (InputStream in = call.stream()) {
      bytes = in.readNBytes(PATCH_MAX_BYTES + 1);
    }
    if (bytes.length > PATCH_MAX_BYTES) {
      throw new ApiFault(413, "Request is too large.");
    }
    JsonNode body;
    try {
      body = Json.parse(bytes);
    } catch (JsonProcessingException e) {
      throw ApiFault.badRequest("Malformed request body: it is not valid JSON.");
    }
    ImagePatch patch = ImagePatch.read(body, old);
    return Reply.json(
        200, ImageDocuments.image(images.update(viewer(call), call.path("id"), patch::apply)));
  }

  private Reply delete(Call call) {
    images.delete(viewer(call), call.path("id"));
    return Reply.empty(204);
  }

  private Reply upload(Call call) {
    if (!call.contentType().equals("application/octet-stream")) {
      throw new ApiFault(415, "The media type must be application/octet-stream");
    }
    images.upload(viewer(call), call.path("id"), call::stream);
    return Reply.empty(204);
  }

  private Reply download(Call call) {
    boolean localOnly = call.header(PeerImages.LOCAL_ONLY_HEADER).isPresent();
    Image image = images.get(viewer(call), call.path("id"));
    Path file = images.file(viewer(call), image.id(), localOnly);
    Image.Content content = image.content().orElseThrow(() -> ImageException.notFound(image.id()));
    Optional<ByteRange> range =
        call.header("Range").flatMap(header -> ByteRange.of(header, content.size()));
    if (range.isPresent()) {
      ByteRange part = range.get();
      return Reply.stream(
              206,
              "application/octet-stream",
              () -> open(file, part.first(), part.length()),
              part.length())
          .header(
              "Content-Range",
              "bytes %d-%d/%d".formatted(part.first(), part.last(), content.size()));
    }
    return Reply.stream(
            200, "application/octet-stream", () -> open(file, 0, content.size()), content.size())
        .header("Content-MD5", content.md5())
        .header("Accept-Ranges", "bytes");
  }

  private static InputStream open(Path file, long first, long length) {
    try {
      InputStream in = Files.newInputStream(file);
      in.skipNBytes(first);
      return new LimitedInputStream(in, length);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Reply addTag(Call call) {
    images.update(
        viewer(call),
        call.path("id"),
        a -> {
          Set<String> tags = new LinkedHashSet<>(a.tags());
          tags.add(call.path("tag"));
          return a.withTags(ImageFields.checked(tags));
        });
    return Reply.empty(204);
  }

  private Reply removeTag(Call call) {
    images.update(viewer(call), call.path("id"), a -> withoutTag(a, call.path("tag")));
    return Reply.empty(204);
  }

  private static Attributes withoutTag(Attributes a, String tag) {
    if (!a.tags().contains(tag)) {
      throw ApiFault.notFound("The tag " + tag + " could not be found.");
    }
    return a.withTags(a.tags().stream().filter(t -> !t.equals(tag)).toList());
  }

  private Reply members(Call call) {
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("members");
    images
        .members(viewer(call), call.path("id"))
        .forEach(member -> list.add(ImageDocuments.member(member)));
    return Reply.json(200, document.put("schema", "/v2/schemas/members"));
  }

  private Reply member(Call call) {
    String id = call.path("id");
    return images.members(viewer(call), id).stream()
        .filter(m -> m.memberId().equals(call.path("member")))
        .findFirst()
        .map(m -> Reply.json(200, ImageDocuments.member(m)))
        .orElseThrow(
            () ->
                ApiFault.notFound(
                    "%s not found in the member list of the image %s."
                        .formatted(call.path("member"), id)));
  }

  private Reply addMember(Call call) {
    String member = call.body().path("member").asText();
    if (member.isEmpty() || member.length() > 255) {
      throw ApiFault.badRequest("Expected a member of 1 to 255 characters.");
    }
    return Reply.json(
        200, ImageDocuments.member(images.addMember(viewer(call), call.path("id"), member)));
  }

  private Reply answerMembership(Call call) {
    String status = call.body().path("status").asText();
    if (!MEMBER_STATES.contains(status)) {
      throw ApiFault.badRequest("Invalid status: " + status);
    }
    return Reply.json(
        200,
        ImageDocuments.member(
            images.setMemberStatus(viewer(call), call.path("id"), call.path("member"), status)));
  }

  private Reply removeMember(Call call) {
    images.removeMember(viewer(call), call.path("id"), call.path("member"));
    return Reply.empty(204);
  }

  private static Reply schema(Call call) {
    return ImageSchemas.find(call.path("name"))
        .map(schema -> Reply.json(200, schema))
        .orElseThrow(ImageApi::notFound);
  }

  /** Makes answers of the image service's refusals. */
  private static Handler guarded(Handler handler) {
    return call -> {
      try {
        return handler.handle(call);
      } catch (ImageException e) {
        if (e.kind() == ImageException.Kind.NO_CONTENT) {
          return Reply.empty(204);
        }
        throw switch (e.kind()) {
          case BAD_REQUEST -> ApiFault.badRequest(e.getMessage());
          case FORBIDDEN -> ApiFault.forbidden(e.getMessage());
          case NOT_FOUND -> ApiFault.notFound(e.getMessage());
          case CONFLICT -> ApiFault.conflict(e.getMessage());
          case GONE -> new ApiFault(410, e.getMessage());
          case TOO_LARGE -> new ApiFault(413, e.getMessage());
          case UNAVAILABLE -> ApiFault.unavailable(e.getMessage());
          case NO_CONTENT -> new ApiFault(204, e.getMessage());
        };
      }
    };
  }
}
