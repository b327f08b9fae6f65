package org.kilonova.api.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.identity.Caller;
import org.kilonova.identity.TokenValidator;
import org.kilonova.image.EmbeddedImages;
import org.kilonova.image.HttpImageSource;
import org.kilonova.image.ImageFiles;
import org.kilonova.image.PeerImages;
import org.kilonova.kernel.Clock;
import org.kilonova.persistence.Database;
import org.kilonova.testing.ApiClient;
import org.kilonova.testing.ApiClient.Answer;
import org.kilonova.testing.LocalFrontDoor;
import org.kilonova.testing.PostgresExtension;

/** The image API of two controllers on one database, each with a directory of its own. */
@ExtendWith(PostgresExtension.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ImageApiIT {
  private static final String DATA = "0123456789";
  private static final String MD5 = "781e5e245d69b566979b86e28d23f2c7";
  private static final String PROJECT = UUID.randomUUID().toString();

  /** Tokens are of the form {@code project/role}. */
  private static final TokenValidator TOKENS =
      token -> {
        String[] parts = token.split("/");
        return parts.length == 2
            ? Optional.of(
                new Caller("u", "u", "default", parts[0], parts[0], null, false, Set.of(parts[1])))
            : Optional.empty();
      };

  private final class Controller implements AutoCloseable {
    private final LocalFrontDoor door = new LocalFrontDoor();
    private final Path directory;
    private final ImageFiles files;
    private final EmbeddedImages images;

    Controller(Database database, Path directory) throws Exception {
      this.directory = directory;
      this.files = new ImageFiles(directory, 1000);
      this.images =
          new EmbeddedImages(
              database.jdbi(),
              files,
              new PeerImages(() -> "none/service"),
              door.url().toString(),
              Clock.system());
      door.open(TOKENS, List.of(ImageApi.service(images)));
    }

    ApiClient as(String project, String role) {
      return ApiClient.of(door.url()).as(project + "/" + role);
    }

    @Override
    public void close() {
      door.close();
      images.close();
    }
  }

  private Database database;
  private Controller first;
  private Controller second;
  private ApiClient member;

  @BeforeAll
  void open(Database opened, @TempDir Path temporary) throws Exception {
    database = opened;
    first = new Controller(database, temporary.resolve("first"));
    second = new Controller(database, temporary.resolve("second"));
    member = first.as(PROJECT, "member");
  }

  @AfterAll
  void close() {
    first.close();
    second.close();
  }

  private String create(String more) {
    Answer made =
        member.post(
            "/image/v2/images",
            "{\"name\": \"i\", \"disk_format\": \"raw\", \"container_format\": \"bare\""
                + more
                + "}");
    assertThat(made.status()).isEqualTo(201);
    return made.json().path("id").asText();
  }

  private static Answer upload(ApiClient client, String id, String data) {
    return client
        .with("Content-Type", "application/octet-stream")
        .send("PUT", "/image/v2/images/" + id + "/file", data.getBytes(StandardCharsets.UTF_8));
  }

  private String active() {
    String id = create("");
    assertThat(upload(member, id, DATA).status()).isEqualTo(204);
    return id;
  }

  private Answer patch(String id, String body) {
    return member
        .with("Content-Type", ImagePatch.MEDIA_TYPE)
        .send("PATCH", "/image/v2/images/" + id, body.getBytes(StandardCharsets.UTF_8));
  }

  private JsonNode show(String id) {
    return member.get("/image/v2/images/" + id).json();
  }

  @Test
  void versionsAreFoundWithoutATokenAndTheirLinksCanBeFollowed() {
    Answer versions = ApiClient.of(first.door.url()).get("/image");
    assertThat(versions.status()).isEqualTo(300);
    JsonNode newest = versions.json().at("/versions/0");
    assertThat(newest.path("id").asText()).isEqualTo("v2.15");
    assertThat(newest.path("status").asText()).isEqualTo("CURRENT");
    String self = newest.at("/links/0/href").asText();
    assertThat(self).isEqualTo(first.door.url() + "/image/v2/");
    assertThat(member.get("/image/v2/images").status()).isEqualTo(200);
  }

  @Test
  void anImageIsFlatAndHasAllKeysAtAllTimes() {
    String id =
        create(
            ", \"owner_specified.openstack.md5\": \"\", \"kernel_id\": \"k\", \"tags\": [\"t\"]");
    JsonNode queued = show(id);
    Set<String> keys = new HashSet<>();
    queued.fieldNames().forEachRemaining(keys::add);
    assertThat(keys)
        .containsExactlyInAnyOrder(
            "id",
            "name",
            "status",
            "visibility",
            "owner",
            "protected",
            "os_hidden",
            "checksum",
            "os_hash_algo",
            "os_hash_value",
            "size",
            "virtual_size",
            "min_disk",
            "min_ram",
            "disk_format",
            "container_format",
            "created_at",
            "updated_at",
            "tags",
            "file",
            "schema",
            "self",
            "owner_specified.openstack.md5",
            "kernel_id");
    assertThat(queued.path("status").asText()).isEqualTo("queued");
    assertThat(queued.path("visibility").asText()).isEqualTo("shared");
    assertThat(queued.path("owner").asText()).isEqualTo(PROJECT);
    assertThat(queued.path("size").isNull()).isTrue();
    upload(member, id, DATA);
    JsonNode active = show(id);
    assertThat(active.path("status").asText()).isEqualTo("active");
    assertThat(active.path("checksum").asText()).isEqualTo(MD5);
    assertThat(active.path("size").asLong()).isEqualTo(10);
    assertThat(active.path("os_hash_algo").asText()).isEqualTo("sha512");
  }

  @Test
  void dataAreServedAsAWholeAndInParts() {
    String id = active();
    String file = "/image/v2/images/" + id + "/file";
    Answer whole = member.get(file);
    assertThat(whole.status()).isEqualTo(200);
    assertThat(new String(whole.bytes(), StandardCharsets.UTF_8)).isEqualTo(DATA);
    assertThat(whole.header("content-type")).isEqualTo("application/octet-stream");
    assertThat(whole.header("content-length")).isEqualTo("10");
    assertThat(whole.header("content-md5")).isEqualTo(MD5);
    Answer part = member.with("Range", "bytes=2-4").get(file);
    assertThat(part.status()).isEqualTo(206);
    assertThat(new String(part.bytes(), StandardCharsets.UTF_8)).isEqualTo("234");
    assertThat(part.header("content-range")).isEqualTo("bytes 2-4/10");
    assertThat(member.with("Range", "bytes=10-").get(file).status()).isEqualTo(416);
  }

  @Test
  void anImageWithoutDataHasNone() {
    Answer answer = member.get("/image/v2/images/" + create("") + "/file");
    assertThat(answer.status()).isEqualTo(204);
    assertThat(answer.bytes()).isEmpty();
  }

  @Test
  void anUploadIsRefusedForWhatIsWrongWithIt() {
    String id = create("");
    assertThat(
            member
                .with("Content-Type", "application/json")
                .send("PUT", "/image/v2/images/" + id + "/file", new byte[] {1})
                .status())
        .isEqualTo(415);
    assertThat(upload(member, id, "x".repeat(1001)).status()).isEqualTo(413);
    assertThat(show(id).path("status").asText()).isEqualTo("queued");
    assertThat(upload(first.as("other", "member"), id, DATA).status()).isEqualTo(404);
    assertThat(upload(first.as(PROJECT, "reader"), id, DATA).status()).isEqualTo(403);
    assertThat(upload(member, id, DATA).status()).isEqualTo(204);
    assertThat(upload(member, id, DATA).status()).isEqualTo(409);
    assertThat(upload(member, UUID.randomUUID().toString(), DATA).status()).isEqualTo(404);
  }

  @Test
  void aPatchTakesItsMediaTypeOnly() {
    String id = create("");
    byte[] body =
        "[{\"op\": \"replace\", \"path\": \"/name\", \"value\": \"n\"}]"
            .getBytes(StandardCharsets.UTF_8);
    assertThat(
            member
                .with("Content-Type", "application/json")
                .send("PATCH", "/image/v2/images/" + id, body)
                .status())
        .isEqualTo(415);
    Answer patched = patch(id, new String(body, StandardCharsets.UTF_8));
    assertThat(patched.status()).isEqualTo(200);
    assertThat(patched.json().path("name").asText()).isEqualTo("n");
    assertThat(patch(id, "[{\"op\": \"replace\", \"path\": \"/x\", \"value\": \"n\"}]").status())
        .isEqualTo(409);
    assertThat(patch(id, "[").status()).isEqualTo(400);
    assertThat(
            patch(id, "[{\"op\": \"replace\", \"path\": \"/visibility\", \"value\": \"public\"}]")
                .status())
        .isEqualTo(403);
  }

  @Test
  void aProtectedImageStaysAndADeletedOneIsGoneWithItsFile() {
    String id = active();
    patch(id, "[{\"op\": \"replace\", \"path\": \"/protected\", \"value\": true}]");
    assertThat(member.delete("/image/v2/images/" + id).status()).isEqualTo(403);
    patch(id, "[{\"op\": \"replace\", \"path\": \"/protected\", \"value\": false}]");
    assertThat(member.delete("/image/v2/images/" + id).status()).isEqualTo(204);
    assertThat(member.get("/image/v2/images/" + id).status()).isEqualTo(404);
    assertThat(member.delete("/image/v2/images/" + id).status()).isEqualTo(404);
    assertThat(first.directory.resolve(id)).doesNotExist();
  }

  @Test
  void tagsAreAddedAndTakenAway() {
    String id = create("");
    String tag = "/image/v2/images/" + id + "/tags/my%20tag";
    assertThat(member.send("PUT", tag, null).status()).isEqualTo(204);
    assertThat(member.send("PUT", tag, null).status()).isEqualTo(204);
    assertThat(show(id).path("tags").toString()).isEqualTo("[\"my tag\"]");
    assertThat(member.delete(tag).status()).isEqualTo(204);
    assertThat(member.delete(tag).status()).isEqualTo(404);
  }

  @Test
  void aSharedImageIsOfferedAndAccepted() {
    String id = create("");
    ApiClient other = first.as("other", "member");
    assertThat(other.get("/image/v2/images/" + id).status()).isEqualTo(404);
    Answer added = member.post("/image/v2/images/" + id + "/members", "{\"member\": \"other\"}");
    assertThat(added.status()).isEqualTo(200);
    assertThat(added.json().path("status").asText()).isEqualTo("pending");
    String pending = "/image/v2/images?visibility=shared&member_status=pending&owner=" + PROJECT;
    assertThat(other.get(pending).json().path("images").findValuesAsText("id")).contains(id);
    assertThat(
            other
                .with("Content-Type", "application/json")
                .send(
                    "PUT",
                    "/image/v2/images/" + id + "/members/other",
                    "{\"status\": \"accepted\"}".getBytes(StandardCharsets.UTF_8))
                .json()
                .path("status")
                .asText())
        .isEqualTo("accepted");
    assertThat(other.get(pending).json().path("images").findValuesAsText("id")).doesNotContain(id);
    assertThat(
            other
                .get("/image/v2/images?owner=" + PROJECT)
                .json()
                .path("images")
                .findValuesAsText("id"))
        .contains(id);
  }

  @Test
  void aFullPageNamesTheNext() {
    ApiClient pager = first.as("pager", "member");
    for (int i = 0; i < 3; i++) {
      assertThat(pager.post("/image/v2/images", "{\"name\": \"p " + i + "\"}").status())
          .isEqualTo(201);
    }
    String path = "/v2/images?owner=pager&sort=name:asc&limit=2";
    JsonNode page = pager.get("/image" + path).json();
    assertThat(page.path("images").findValuesAsText("name")).containsExactly("p 0", "p 1");
    JsonNode last = pager.get("/image" + page.path("next").asText()).json();
    assertThat(last.path("images").findValuesAsText("name")).containsExactly("p 2");
    assertThat(last.has("next")).isFalse();
    assertThat(pager.get("/image/v2/images?limit=-1").status()).isEqualTo(400);
    assertThat(pager.get("/image/v2/images?marker=nothing").status()).isEqualTo(400);
    assertThat(pager.get("/image/v2/images?sort_key=nothing").status()).isEqualTo(400);
  }

  @Test
  void whatIsNoImageIs400() {
    for (String body :
        List.of(
            "{",
            "[]",
            "{\"disk_format\": \"floppy\"}",
            "{\"min_disk\": -1}",
            "{\"id\": \"x\"}",
            "{\"custom\": 1}",
            "{\"visibility\": \"all\"}")) {
      assertThat(member.post("/image/v2/images", body).status()).as(body).isEqualTo(400);
    }
    assertThat(member.post("/image/v2/images", "{\"status\": \"active\"}").status()).isEqualTo(403);
  }

  @Test
  void clientsLearnTheSchema() {
    JsonNode schema = member.get("/image/v2/schemas/image").json();
    assertThat(schema.at("/properties/name/type").toString()).contains("string");
    assertThat(schema.at("/properties/kernel_id/is_base").asBoolean(true)).isFalse();
    assertThat(member.get("/image/v2/schemas/nothing").status()).isEqualTo(404);
  }

  @Nested
  class OtherControllers {
    @Test
    void fetchTheDataCheckThemAndKeepACopy() throws Exception {
      String id = active();
      assertThat(second.directory.resolve(id)).doesNotExist();
      Answer answer = second.as(PROJECT, "member").get("/image/v2/images/" + id + "/file");
      assertThat(answer.status()).isEqualTo(200);
      assertThat(new String(answer.bytes(), StandardCharsets.UTF_8)).isEqualTo(DATA);
      assertThat(second.directory.resolve(id)).hasContent(DATA);
      // and can serve it from now on, also if the first one loses it
      Files.delete(first.directory.resolve(id));
      assertThat(member.get("/image/v2/images/" + id + "/file").status()).isEqualTo(200);
      assertThat(first.directory.resolve(id)).hasContent(DATA);
    }

    @Test
    void doNotKeepWhatIsBroken() throws Exception {
      String id = active();
      Files.writeString(first.directory.resolve(id), "012345678X");
      Answer answer = second.as(PROJECT, "member").get("/image/v2/images/" + id + "/file");
      assertThat(answer.status()).isEqualTo(503);
      try (var files = Files.list(second.directory)) {
        assertThat(files.map(f -> f.getFileName().toString())).noneMatch(f -> f.contains(id));
      }
    }

    @Test
    void removeTheirCopiesOfWhatWasDeleted() throws Exception {
      String id = active();
      second.as(PROJECT, "member").get("/image/v2/images/" + id + "/file");
      assertThat(member.delete("/image/v2/images/" + id).status()).isEqualTo(204);
      // what the sweeper does every minute, a start does at once
      new EmbeddedImages(
              database.jdbi(),
              second.files,
              new PeerImages(() -> "none/service"),
              second.door.url().toString(),
              Clock.system())
          .close();
      assertThat(second.directory.resolve(id)).doesNotExist();
    }
  }

  @Nested
  class ComputeHosts {
    @TempDir Path host;

    private HttpImageSource source(Optional<ImageFiles> local, String... endpoints) {
      return new HttpImageSource(
          local, new PeerImages(() -> "none/service"), () -> List.of(endpoints));
    }

    private List<String> names() {
      try (var files = Files.list(host)) {
        return files.map(f -> f.getFileName().toString()).toList();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Test
    void downloadImagesOfAnyProjectFromAnyControllerThatAnswers() {
      String id = active();
      Path target = host.resolve("base");
      source(Optional.empty(), "http://127.0.0.1:1", first.door.url().toString())
          .fetch(id, MD5, target);
      assertThat(target).hasContent(DATA);
      assertThat(names()).containsExactly("base");
    }

    @Test
    void copyWhatIsOnTheirMachine() {
      String id = active();
      source(Optional.of(first.files)).fetch(id, MD5, host.resolve("base"));
      assertThat(host.resolve("base")).hasContent(DATA);
    }

    @Test
    void keepNothingThatIsWrong() {
      String id = active();
      Map<DriverException.Kind, Runnable> failures =
          Map.of(
              DriverException.Kind.ABORT,
              () ->
                  source(Optional.empty(), first.door.url().toString())
                      .fetch(id, "0".repeat(32), host.resolve("base")),
              DriverException.Kind.TRANSIENT,
              () ->
                  source(Optional.empty(), "http://127.0.0.1:1")
                      .fetch(id, MD5, host.resolve("base")));
      failures.forEach(
          (kind, fetch) ->
              assertThatThrownBy(fetch::run)
                  .isInstanceOfSatisfying(
                      DriverException.class, e -> assertThat(e.kind()).isEqualTo(kind)));
      assertThatThrownBy(
              () ->
                  source(Optional.of(first.files)).fetch(id, "0".repeat(32), host.resolve("base")))
          .isInstanceOf(DriverException.class);
      assertThat(names()).isEmpty();
    }

    @Test
    void areToldWhenThereIsNoSuchImage() {
      assertThatThrownBy(
              () ->
                  source(Optional.empty(), first.door.url().toString())
                      .fetch(UUID.randomUUID().toString(), MD5, host.resolve("base")))
          .isInstanceOfSatisfying(
              DriverException.class,
              e -> assertThat(e.kind()).isEqualTo(DriverException.Kind.ABORT));
    }
  }
}
