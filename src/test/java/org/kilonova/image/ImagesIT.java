package org.kilonova.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Image.Status;
import org.kilonova.image.Image.Visibility;
import org.kilonova.image.ImageException.Kind;
import org.kilonova.image.ImageQuery.Condition;
import org.kilonova.image.ImageQuery.Field;
import org.kilonova.image.ImageQuery.Operator;
import org.kilonova.image.ImageQuery.Sort;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

/** The embedded image service of one controller, on PostgreSQL and a directory. */
@ExtendWith(PostgresExtension.class)
class ImagesIT {
  private static final String HERE = "http://127.0.0.1:1";
  private static final long LARGEST = 1000;

  @TempDir Path directory;
  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-11-21T10:00:00Z"));
  private final String owner = UUID.randomUUID().toString();
  private final Viewer me = new Viewer(owner, false, false);
  private final Viewer other = new Viewer(UUID.randomUUID().toString(), false, false);
  private final Viewer admin = new Viewer(UUID.randomUUID().toString(), true, false);
  private Jdbi jdbi;
  private EmbeddedImages images;

  @BeforeEach
  void start(Database database) {
    jdbi = database.jdbi();
    images = start();
  }

  private EmbeddedImages start() {
    return new EmbeddedImages(
        jdbi,
        new ImageFiles(directory, LARGEST),
        new PeerImages(() -> "no token"),
        HERE,
        () -> now.updateAndGet(t -> t.plusSeconds(1)));
  }

  @AfterEach
  void stop() {
    images.close();
  }

  private static Attributes attributes(String owner, String name, Visibility visibility) {
    return new Attributes(
        name, owner, visibility, false, false, 1, 64, "raw", "bare", List.of("t"), Map.of());
  }

  private Image queued(String name, Visibility visibility) {
    Viewer maker = visibility == Visibility.PUBLIC ? new Viewer(owner, true, false) : me;
    return images.create(maker, UUID.randomUUID().toString(), attributes(owner, name, visibility));
  }

  private Image active(String name, Visibility visibility, String data) {
    Image image = queued(name, visibility);
    images.upload(me, image.id(), () -> stream(data));
    return images.get(me, image.id());
  }

  private static InputStream stream(String data) {
    return new ByteArrayInputStream(data.getBytes(StandardCharsets.UTF_8));
  }

  private List<Path> files() throws IOException {
    try (var files = Files.list(directory)) {
      return files.toList();
    }
  }

  private static ImageQuery query(Condition... conditions) {
    return new ImageQuery(
        List.of(conditions),
        List.of(),
        null,
        "accepted",
        false,
        List.of(new Sort(Field.CREATED_AT, true)),
        null,
        1000);
  }

  private Condition mine() {
    return new Condition("owner", Operator.IN, List.of(owner));
  }

  private static void refused(Kind kind, Runnable what) {
    assertThatThrownBy(what::run)
        .isInstanceOfSatisfying(ImageException.class, e -> assertThat(e.kind()).isEqualTo(kind));
  }

  @Test
  void dataMakeAnImageActiveWithItsChecksums() throws Exception {
    Image image = active("a", Visibility.PRIVATE, "hello");
    assertThat(image.status()).isEqualTo(Status.ACTIVE);
    Image.Content content = image.content().orElseThrow();
    assertThat(content.md5()).isEqualTo("5d41402abc4b2a76b9719d911017c592");
    assertThat(content.sha512()).startsWith("9b71d224bd62f3785d96d46ad3ea3d73").hasSize(128);
    assertThat(content.size()).isEqualTo(5);
    assertThat(content.virtualSize()).isEqualTo(5);
    assertThat(images.file(me, image.id(), false)).hasContent("hello");
    refused(Kind.CONFLICT, () -> images.upload(me, image.id(), () -> stream("again")));
    assertThat(images.file(me, image.id(), false)).hasContent("hello");
  }

  @Test
  void dataThatEndEarlyLeaveTheImageQueuedAndNothingBehind() throws Exception {
    Image image = queued("a", Visibility.PRIVATE);
    InputStream broken =
        new InputStream() {
          private int count;

          @Override
          public int read() throws IOException {
            if (++count > 10) {
              throw new IOException("gone");
            }
            return 'x';
          }
        };
    refused(Kind.BAD_REQUEST, () -> images.upload(me, image.id(), () -> broken));
    assertThat(images.get(me, image.id()).status()).isEqualTo(Status.QUEUED);
    assertThat(files()).isEmpty();
    refused(Kind.NO_CONTENT, () -> images.file(me, image.id(), false));
    images.upload(me, image.id(), () -> stream("now"));
    assertThat(images.get(me, image.id()).status()).isEqualTo(Status.ACTIVE);
  }

  @Test
  void dataThatAreTooLargeAreRefused() throws Exception {
    Image image = queued("a", Visibility.PRIVATE);
    images.upload(me, queued("b", Visibility.PRIVATE).id(), () -> stream("x".repeat(1000)));
    refused(Kind.TOO_LARGE, () -> images.upload(me, image.id(), () -> stream("x".repeat(1001))));
    assertThat(images.get(me, image.id()).status()).isEqualTo(Status.QUEUED);
    assertThat(files()).hasSize(1);
  }

  @Test
  void anImageThatIsDeletedWhileItsDataArriveIsGone() throws Exception {
    Image image = queued("a", Visibility.PRIVATE);
    refused(
        Kind.GONE,
        () ->
            images.upload(
                me,
                image.id(),
                () -> {
                  images.delete(me, image.id());
                  return stream("late");
                }));
    assertThat(images.find(me, image.id())).isEmpty();
    assertThat(files()).isEmpty();
  }

  @Test
  void deletingTakesTheDataAwayUnlessItIsProtected() throws Exception {
    Image image = active("a", Visibility.PRIVATE, "data");
    images.update(
        me,
        image.id(),
        a ->
            new Attributes(
                a.name(),
                a.owner(),
                a.visibility(),
                true,
                false,
                0,
                0,
                "raw",
                "bare",
                List.of(),
                Map.of()));
    refused(Kind.FORBIDDEN, () -> images.delete(me, image.id()));
    refused(Kind.FORBIDDEN, () -> images.delete(admin, image.id()));
    assertThat(files()).hasSize(1);
    images.update(me, image.id(), a -> attributes(owner, "a", Visibility.PRIVATE));
    images.delete(me, image.id());
    assertThat(files()).isEmpty();
    refused(Kind.NOT_FOUND, () -> images.delete(me, image.id()));
  }

  @Test
  void aRestartQueuesHalfUploadsAgainAndRemovesFilesWithoutImage() throws Exception {
    Image saving = queued("a", Visibility.PRIVATE);
    jdbi.useHandle(
        h ->
            h.execute(
                "UPDATE image SET status = 'saving', upload = 'u', upload_at = ? WHERE id = ?",
                HERE,
                saving.id()));
    Image elsewhere = queued("b", Visibility.PRIVATE);
    jdbi.useHandle(
        h ->
            h.execute(
                "UPDATE image SET status = 'saving', upload = 'u', upload_at = 'http://other'"
                    + " WHERE id = ?",
                elsewhere.id()));
    Image kept = active("c", Visibility.PRIVATE, "data");
    Files.writeString(directory.resolve(UUID.randomUUID().toString()), "rubbish");
    images.close();
    images = start();
    assertThat(images.get(me, saving.id()).status()).isEqualTo(Status.QUEUED);
    assertThat(images.get(me, elsewhere.id()).status()).isEqualTo(Status.SAVING);
    assertThat(files()).containsExactly(directory.resolve(kept.id()));
  }

  @Test
  void eachVisibilityShowsTheImageToWhomItShould() {
    Image secret = queued("private", Visibility.PRIVATE);
    Image open = queued("public", Visibility.PUBLIC);
    Image shared = queued("shared", Visibility.SHARED);
    Image community = queued("community", Visibility.COMMUNITY);

    assertThat(images.find(other, secret.id())).isEmpty();
    assertThat(images.find(other, shared.id())).isEmpty();
    assertThat(images.find(other, open.id())).isPresent();
    assertThat(images.find(other, community.id())).isPresent();
    assertThat(images.find(admin, secret.id())).isPresent();

    assertThat(names(other, query(mine()))).containsExactly("public");
    assertThat(names(me, query(mine())))
        .containsExactly("community", "shared", "public", "private");
    assertThat(names(other, visible("community"))).containsExactly("community");
    assertThat(names(other, visible("all"))).containsExactly("community", "public");
  }

  private ImageQuery visible(String visibility) {
    ImageQuery q = query(mine());
    return new ImageQuery(
        q.conditions(), q.tags(), visibility, "accepted", false, q.sorts(), null, 1000);
  }

  private List<String> names(Viewer viewer, ImageQuery query) {
    return images.list(viewer, query).stream().map(i -> i.attributes().name()).toList();
  }

  @Test
  void aSharedImageIsInTheMembersListOnceItIsAccepted() {
    Image image = queued("shared", Visibility.SHARED);
    Member member = images.addMember(me, image.id(), other.projectId());
    assertThat(member.status()).isEqualTo("pending");
    assertThat(images.find(other, image.id())).isPresent();
    assertThat(names(other, query(mine()))).isEmpty();
    refused(Kind.CONFLICT, () -> images.addMember(me, image.id(), other.projectId()));
    refused(
        Kind.FORBIDDEN,
        () -> images.setMemberStatus(me, image.id(), other.projectId(), "accepted"));
    images.setMemberStatus(other, image.id(), other.projectId(), "accepted");
    assertThat(names(other, query(mine()))).containsExactly("shared");
    // a member may look, not change
    refused(Kind.FORBIDDEN, () -> images.update(other, image.id(), a -> a));
    refused(Kind.FORBIDDEN, () -> images.delete(other, image.id()));
    images.removeMember(me, image.id(), other.projectId());
    assertThat(images.find(other, image.id())).isEmpty();
    refused(
        Kind.FORBIDDEN,
        () -> images.addMember(me, queued("p", Visibility.PRIVATE).id(), other.projectId()));
  }

  @Test
  void onlyAdministratorsMakeImagesPublicOrForOthers() {
    Image image = queued("a", Visibility.PRIVATE);
    refused(
        Kind.FORBIDDEN,
        () ->
            images.create(
                me, UUID.randomUUID().toString(), attributes(owner, "x", Visibility.PUBLIC)));
    refused(
        Kind.FORBIDDEN,
        () ->
            images.create(
                me,
                UUID.randomUUID().toString(),
                attributes(other.projectId(), "x", Visibility.PRIVATE)));
    refused(
        Kind.FORBIDDEN,
        () -> images.update(me, image.id(), a -> attributes(owner, "x", Visibility.PUBLIC)));
    refused(
        Kind.FORBIDDEN,
        () ->
            images.update(
                me, image.id(), a -> attributes(other.projectId(), "x", Visibility.PRIVATE)));
    images.update(admin, image.id(), a -> attributes(owner, "x", Visibility.PUBLIC));
    assertThat(images.get(other, image.id()).attributes().name()).isEqualTo("x");
    refused(
        Kind.CONFLICT,
        () -> images.create(me, image.id(), attributes(owner, "y", Visibility.PRIVATE)));
  }

  @Test
  void pagesFollowEachOtherWithoutGapOrRepetition() {
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 7; i++) {
      made.add(queued(i % 2 == 0 ? "same" : "n" + i, Visibility.PRIVATE).id());
    }
    for (List<Sort> sorts :
        List.of(
            List.of(new Sort(Field.CREATED_AT, true)),
            List.of(new Sort(Field.NAME, false), new Sort(Field.SIZE, true)),
            List.of(new Sort(Field.SIZE, true)))) {
      List<String> seen = new ArrayList<>();
      String marker = null;
      List<Image> page;
      do {
        page =
            images.list(
                me,
                new ImageQuery(
                    List.of(mine()), List.of(), null, "accepted", false, sorts, marker, 2));
        page.forEach(image -> seen.add(image.id()));
        marker = page.isEmpty() ? null : page.getLast().id();
      } while (page.size() == 2);
      assertThat(seen).containsExactlyInAnyOrderElementsOf(made).doesNotHaveDuplicates();
    }
  }

  @Test
  void listsAreFiltered() {
    Image small = active("small", Visibility.PRIVATE, "x");
    active("large", Visibility.PRIVATE, "x".repeat(100));
    assertThat(names(me, query(mine(), new Condition("size", Operator.GTE, List.of("50")))))
        .containsExactly("large");
    assertThat(
            names(
                me, query(mine(), new Condition("name", Operator.IN, List.of("small", "medium")))))
        .containsExactly("small");
    assertThat(
            names(
                me,
                query(
                    mine(),
                    new Condition(
                        "created_at",
                        Operator.GT,
                        List.of(small.createdAt().plusMillis(1).toString())))))
        .containsExactly("large");
    assertThat(names(me, query(mine(), new Condition("os_type", Operator.IN, List.of("x")))))
        .isEmpty();
    refused(
        Kind.BAD_REQUEST,
        () -> images.list(me, query(new Condition("created_at", Operator.GT, List.of("x")))));
  }

  @Test
  void computeGetsActiveImagesWithTheirThreeParts() {
    Image image =
        images.create(
            me,
            UUID.randomUUID().toString(),
            new Attributes(
                "ami",
                owner,
                Visibility.PRIVATE,
                false,
                false,
                1,
                64,
                "ami",
                "ami",
                List.of(),
                Map.of("kernel_id", "k", "ramdisk_id", "r", "os_type", "linux")));
    assertThatThrownBy(() -> images.bootable(me, image.id()))
        .isInstanceOf(ImageService.ImageNotActiveException.class);
    images.upload(me, image.id(), () -> stream("hello"));
    assertThat(images.bootable(me, image.id()))
        .contains(
            new ImageSpec(
                image.id(),
                "ami",
                "ami",
                "ami",
                "5d41402abc4b2a76b9719d911017c592",
                5,
                1,
                64,
                "k",
                "r",
                Map.of("os_type", "linux")));
    assertThat(images.bootable(other, image.id())).isEmpty();
    images.deactivate(me, image.id());
    assertThatThrownBy(() -> images.bootable(me, image.id()))
        .isInstanceOf(ImageService.ImageNotActiveException.class);
    refused(Kind.FORBIDDEN, () -> images.file(me, image.id(), false));
    assertThat(images.file(admin, image.id(), false)).hasContent("hello");
    images.reactivate(me, image.id());
    assertThat(images.file(me, image.id(), false)).hasContent("hello");
  }
}
