package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;

/** The image cache with the real qemu-img. */
class ImageCacheIT {
  private static final Duration DEADLINE = Duration.ofSeconds(60);

  @TempDir Path directory;
  private final HostCommands commands = new HostCommands();
  private final AtomicInteger fetches = new AtomicInteger();
  private final Instant now = Instant.parse("2026-11-21T12:00:00Z");
  private Path image;
  private ImageCache cache;

  @BeforeEach
  void setUp() throws IOException {
    Files.createDirectories(directory.resolve("_base"));
    image = directory.resolve("image");
    cache =
        new ImageCache(
            directory.resolve("_base"),
            new FileLocks(directory.resolve("locks")),
            commands,
            (id, checksum, target) -> {
              fetches.incrementAndGet();
              try {
                Files.copy(image, target);
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            },
            DEADLINE,
            () -> now);
  }

  private void qemuImg(String... arguments) {
    String[] command = new String[arguments.length + 1];
    command[0] = "qemu-img";
    System.arraycopy(arguments, 0, command, 1, arguments.length);
    commands.run(DEADLINE, command);
  }

  private void assertAborts(String format) {
    assertThatThrownBy(() -> cache.fetch("i", null, format, 0))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABORT))
        .hasMessageContaining("unacceptable");
    assertThat(directory.resolve("_base").toFile().list()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"qcow2", "vdi", "vhdx", "vmdk"})
  void a_format_is_converted_to_raw_of_the_same_virtual_size(String format) throws IOException {
    qemuImg("create", "-q", "-f", format, image.toString(), "8M");
    Path cached = cache.fetch("i", "c", format, 0);
    assertThat(cached).hasFileName("i-c");
    assertThat(Files.size(cached)).isEqualTo(8 << 20);
  }

  @Test
  void an_image_is_fetched_once_however_many_ask_at_once() throws Exception {
    Files.writeString(image, "data");
    CountDownLatch go = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?>[] all = new Future<?>[20];
      for (int i = 0; i < all.length; i++) {
        all[i] =
            threads.submit(
                () -> {
                  go.await();
                  return cache.fetch("i", null, "raw", 0);
                });
      }
      go.countDown();
      for (Future<?> one : all) {
        assertThat(one.get()).isEqualTo(directory.resolve("_base/i"));
      }
    }
    assertThat(fetches).hasValue(1);
  }

  private ImageCacheSweep sweep() {
    return new ImageCacheSweep(
        directory.resolve("_base"),
        directory.resolve("instances"),
        new FileLocks(directory.resolve("locks")),
        () -> now,
        Duration.ofHours(24));
  }

  private Path cached(String name, Duration ago) throws IOException {
    Path file = Files.writeString(directory.resolve("_base").resolve(name), "data");
    Files.setLastModifiedTime(file, FileTime.from(now.minus(ago)));
    return file;
  }

  private Path diskOn(Path base, String name) throws IOException {
    Path disk =
        Files.createDirectories(directory.resolve("instances").resolve(name)).resolve("disk");
    qemuImg(
        "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base.toString(), disk.toString(), "1M");
    return disk;
  }

  @Test
  void what_no_disk_needed_for_a_day_is_removed() throws IOException {
    Path old = cached("old", Duration.ofHours(25));
    Path young = cached("young", Duration.ofHours(23));
    Path used = cached("used", Duration.ofDays(100));
    Path dead = cached("dead.part", Duration.ofDays(2));
    Path disk = diskOn(used, "guest");
    sweep().sweep();
    assertThat(old).doesNotExist();
    assertThat(dead).doesNotExist();
    assertThat(young).exists();
    assertThat(used).exists();
    Files.delete(disk);
    sweep().sweep();
    assertThat(used).as("its day begins when its last disk is gone").exists();
  }

  @Test
  void what_cannot_be_understood_keeps_everything() throws IOException {
    Path old = cached("old", Duration.ofHours(25));
    Path disk = diskOn(old, "guest");
    byte[] header = Files.readAllBytes(disk);
    header[16] = 0x7f; // the length of the backing file's name
    Files.write(disk, header);
    assertThatThrownBy(() -> sweep().sweep()).isInstanceOf(IOException.class);
    assertThat(old).exists();
  }

  @Test
  void an_image_that_a_spawn_fetched_is_not_removed_from_under_it() throws Exception {
    Files.writeString(image, "data");
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int round = 0; round < 300; round++) {
        cached("i", Duration.ofDays(2));
        CountDownLatch go = new CountDownLatch(1);
        Future<Path> fetched =
            threads.submit(
                () -> {
                  go.await();
                  return cache.fetch("i", null, "raw", 0);
                });
        Future<?> swept =
            threads.submit(
                () -> {
                  go.await();
                  sweep().sweep();
                  return null;
                });
        go.countDown();
        assertThat(fetched.get()).exists();
        swept.get();
        assertThat(fetched.get()).as("round %d", round).hasContent("data");
      }
    }
  }

  @Test
  void what_a_dead_fetch_left_is_overwritten() throws IOException {
    Files.writeString(directory.resolve("_base/i.part"), "half");
    Files.writeString(image, "whole");
    assertThat(cache.fetch("i", null, "raw", 0)).hasContent("whole");
    assertThat(directory.resolve("_base").toFile().list()).containsExactly("i");
  }

  @Test
  void a_raw_image_is_never_taken_for_anything_else() throws IOException {
    qemuImg("create", "-q", "-f", "raw", directory.resolve("secret").toString(), "1M");
    qemuImg(
        "create", "-q", "-f", "qcow2", "-F", "raw", "-b", directory + "/secret", image.toString());
    assertThat(cache.fetch("i", null, "raw", 0)).hasSameBinaryContentAs(image);
  }

  @Test
  void a_backing_file_is_refused() {
    qemuImg("create", "-q", "-f", "raw", directory.resolve("secret").toString(), "1M");
    qemuImg(
        "create", "-q", "-f", "qcow2", "-F", "raw", "-b", directory + "/secret", image.toString());
    assertAborts("qcow2");
  }

  @Test
  void an_external_data_file_is_refused() {
    qemuImg(
        "create",
        "-q",
        "-f",
        "qcow2",
        "-o",
        "data_file=" + directory.resolve("secret"),
        image.toString(),
        "1M");
    assertAborts("qcow2");
  }

  @Test
  void a_vmdk_that_is_spread_over_files_is_refused() {
    qemuImg("create", "-q", "-f", "vmdk", "-o", "subformat=monolithicFlat", image.toString(), "1M");
    assertAborts("vmdk");
  }

  @ParameterizedTest
  @ValueSource(strings = {"qcow2", "vdi", "vhdx", "vmdk", "ploop"})
  void content_that_is_not_what_it_says_is_refused(String format) throws IOException {
    Files.writeString(image, "this is not an image at all, whatever it says about itself");
    assertAborts(format);
  }

  @Test
  void an_image_that_is_larger_than_the_flavor_is_refused_before_it_is_converted() {
    qemuImg("create", "-q", "-f", "qcow2", image.toString(), "64G");
    assertThatThrownBy(() -> cache.fetch("i", null, "qcow2", 1L << 30))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABORT))
        .hasMessageStartingWith("Flavor's disk is too small for requested image.");
  }

  @Test
  void an_image_id_cannot_lead_out_of_the_cache() {
    assertThatThrownBy(() -> cache.fetch("../../etc/passwd", null, "raw", 0))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABORT));
    assertThat(fetches).hasValue(0);
  }
}
