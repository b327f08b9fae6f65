package org.kilonova.testing;

import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.EmbeddedPostgres;

/**
 * One PostgreSQL for all the tests that an account runs at a time on a machine, in whatever
 * checkouts: the first JVM starts it, the last one stops it. Databases are copies of a migrated
 * template, which is kept for as long as the migrations stay the same.
 */
final class TestPostgres implements AutoCloseable {
  static final String DATABASE_PREFIX = "test_";
  private static final String TEMPLATE_PREFIX = "template_";
  private static final int POOL_SIZE = 10;

  private final Path directory;
  private final FileChannel usersFile;
  private final FileLock user;
  private final Database.Settings admin;
  private final String template;

  private TestPostgres(
      Path directory,
      FileChannel usersFile,
      FileLock user,
      Database.Settings admin,
      String template) {
    this.directory = directory;
    this.usersFile = usersFile;
    this.user = user;
    this.admin = admin;
    this.template = template;
  }

  /**
   * Joins the users of the server, and starts it if there is none. Each JVM holds a shared lock for
   * as long as it uses the server; the kernel gives it back even after a kill -9.
   */
  static TestPostgres join() throws IOException {
    Path directory =
        Path.of(System.getProperty("java.io.tmpdir"))
            .resolve("kilonova-test-" + System.getProperty("user.name"));
    Files.createDirectories(directory);
    FileChannel users =
        FileChannel.open(
            directory.resolve("users"),
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE);
    try (FileChannel doorFile = door(directory);
        FileLock door = doorFile.lock()) {
      Database.Settings settings = EmbeddedPostgres.start(directory, FreePorts.next());
      Database.Settings admin = onDatabase(settings, "postgres");
      boolean alone = isAlone(users);
      String template = TEMPLATE_PREFIX + "%08x".formatted(migrationsChecksum());
      try (Handle handle = jdbi(admin).open()) {
        if (alone) {
          dropLeftovers(handle, template);
        }
        if (databases(handle, template).isEmpty()) {
          createTemplate(handle, admin, template);
        }
      }
      return new TestPostgres(
          directory, users, users.lock(0, Long.MAX_VALUE, true), admin, template);
    }
  }

  /** A fresh database with the current schema. */
  Database.Settings createDatabase(String name) {
    jdbi(admin)
        .useHandle(handle -> handle.execute("CREATE DATABASE " + name + " TEMPLATE " + template));
    return onDatabase(admin, name);
  }

  void dropDatabase(String name) {
    jdbi(admin).useHandle(handle -> drop(handle, name));
  }

  /** Leaves; the last one turns the light off. */
  @Override
  public void close() throws IOException {
    try (FileChannel doorFile = door(directory);
        FileLock door = doorFile.lock()) {
      user.release();
      if (isAlone(usersFile)) {
        EmbeddedPostgres.stop(directory);
      }
      usersFile.close();
    }
  }

  /** Only one process at a time comes or goes. */
  private static FileChannel door(Path directory) throws IOException {
    return FileChannel.open(
        directory.resolve("door"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
  }

  private static boolean isAlone(FileChannel users) throws IOException {
    try (FileLock all = users.tryLock()) {
      return all != null;
    }
  }

  private static void dropLeftovers(Handle handle, String template) {
    Stream.of(DATABASE_PREFIX, TEMPLATE_PREFIX)
        .flatMap(prefix -> databases(handle, prefix).stream())
        .filter(name -> !name.equals(template))
        .forEach(name -> drop(handle, name));
  }

  private static List<String> databases(Handle handle, String prefix) {
    return handle
        .createQuery("SELECT datname FROM pg_database WHERE starts_with(datname, :prefix)")
        .bind("prefix", prefix)
        .mapTo(String.class)
        .list();
  }

  private static void drop(Handle handle, String name) {
    handle.execute("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)");
  }

  /** Gets its name when it is complete, so that a killed test run leaves no half template. */
  private static void createTemplate(Handle handle, Database.Settings admin, String template) {
    String draft = DATABASE_PREFIX + template;
    drop(handle, draft);
    handle.execute("CREATE DATABASE " + draft);
    Database.open(onDatabase(admin, draft)).close();
    handle.execute("ALTER DATABASE " + draft + " RENAME TO " + template);
  }

  private static long migrationsChecksum() throws IOException {
    CRC32 crc = new CRC32();
    try (Stream<Path> files = Files.walk(migrations())) {
      for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
        crc.update(file.getFileName().toString().getBytes(StandardCharsets.UTF_8));
        try (InputStream in = Files.newInputStream(file)) {
          crc.update(in.readAllBytes());
        }
      }
    }
    return crc.getValue();
  }

  /** The compiled resources: what Flyway itself will read. */
  private static Path migrations() {
    try {
      return Path.of(TestPostgres.class.getResource("/db/migration").toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Database.Settings onDatabase(Database.Settings settings, String database) {
    return new Database.Settings(
        settings.url().replaceFirst("/[^/]*$", "/" + database),
        settings.user(),
        settings.password(),
        POOL_SIZE);
  }

  private static Jdbi jdbi(Database.Settings settings) {
    return Jdbi.create(settings.url(), settings.user(), settings.password());
  }
}
