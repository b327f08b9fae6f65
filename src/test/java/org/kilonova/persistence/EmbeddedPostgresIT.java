package org.kilonova.persistence;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.testing.FreePorts;
import picocli.CommandLine;

/** The embedded PostgreSQL as an operator gets it: real processes, killed for real. */
class EmbeddedPostgresIT {
  @TempDir Path dir;
  private int port;

  /** The programs, unpacked once for all tests. */
  @TempDir static Path unpacked;

  @BeforeEach
  void prepare() throws IOException {
    port = FreePorts.next();
    Path programs = PostgresBinaries.unpack(unpacked);
    Files.createSymbolicLink(dir.resolve(programs.getFileName()), programs);
  }

  @AfterEach
  void stop() {
    EmbeddedPostgres.stop(dir);
  }

  @Test
  void isDurableAndPrivate() throws Exception {
    Database.Settings settings = EmbeddedPostgres.start(dir, port);

    assertThat(show(settings, "fsync")).isEqualTo("on");
    assertThat(show(settings, "synchronous_commit")).isEqualTo("on");
    assertThat(show(settings, "full_page_writes")).isEqualTo("on");
    assertThat(show(settings, "listen_addresses")).isEqualTo("127.0.0.1");
    assertThat(show(settings, "unix_socket_directories")).isEmpty();
    assertThat(show(settings, "server_encoding")).isEqualTo("UTF8");
    assertThat(show(settings, "hba_file")).isEqualTo(dir.resolve("pg_hba.conf").toString());
    assertThat(Files.readAllLines(dir.resolve("pg_hba.conf")))
        .isNotEmpty()
        .allMatch(line -> line.endsWith(" scram-sha-256"));
    for (String secret :
        List.of("password", "connection.properties", "pg_hba.conf", "postgresql.log")) {
      assertThat(permissions(dir.resolve(secret))).as(secret).isEqualTo("rw-------");
    }
    assertThat(permissions(dir.resolve("data"))).isEqualTo("rwx------");
    assertThat(Files.readString(dir.resolve("postgresql.log"))).doesNotContain(settings.password());
    assertThat(settings.toString()).doesNotContain(settings.password());
  }

  /** Any address of this machine will do; 127.0.0.2 is one that a loopback server lacks. */
  @Test
  void listensOnlyWhereItIsTold_andStillAsksForThePassword() throws Exception {
    Database.Settings settings = EmbeddedPostgres.start(dir, "127.0.0.2", port);

    assertThat(settings.url()).contains("//127.0.0.2:" + port + "/");
    assertThat(show(settings, "listen_addresses")).isEqualTo("127.0.0.2");
    assertThat(EmbeddedPostgres.start(dir, port)).as("the one that runs").isEqualTo(settings);
    assertProblem(
        new Database.Settings(
            settings.url().replace("127.0.0.2", "127.0.0.1"), settings.user(), "", 1),
        "kilonova.database.url: ",
        "no PostgreSQL answers");
    assertProblem(
        new Database.Settings(settings.url(), settings.user(), "guess", 1),
        "kilonova.database.password: ",
        "refuses this password");
  }

  @Test
  void durabilityCannotBeConfiguredAway() throws Exception {
    EmbeddedPostgres.start(dir, port);
    EmbeddedPostgres.stop(dir);
    Files.writeString(
        dir.resolve("data/postgresql.auto.conf"), "fsync = off\nsynchronous_commit = off\n");

    Database.Settings settings = EmbeddedPostgres.start(dir, port);

    assertThat(show(settings, "fsync")).isEqualTo("on");
    assertThat(show(settings, "synchronous_commit")).isEqualTo("on");
  }

  @Test
  void anIdleServerIsAdoptedAndAStoppedOneIsStartedAgainWithItsData() {
    Database.Settings settings = EmbeddedPostgres.start(dir, port);
    jdbi(settings).useHandle(handle -> handle.execute("CREATE TABLE kept AS SELECT 42 AS answer"));
    long pid = pid();

    assertThat(EmbeddedPostgres.start(dir, port)).isEqualTo(settings);
    assertThat(pid()).isEqualTo(pid);

    assertThat(EmbeddedPostgres.stop(dir)).isTrue();
    assertThat(EmbeddedPostgres.status(dir)).isEmpty();
    assertThat(EmbeddedPostgres.stop(dir)).isFalse();

    assertThat(answer(EmbeddedPostgres.start(dir, port))).isEqualTo(42);
    assertThat(pid()).isNotEqualTo(pid);
  }

  @Test
  void aKilledServerIsStartedAgainWithAllThatWasCommitted() throws Exception {
    Database.Settings settings = EmbeddedPostgres.start(dir, port);
    jdbi(settings).useHandle(handle -> handle.execute("CREATE TABLE kept AS SELECT 42 AS answer"));
    kill(pid());
    assertThat(dir.resolve("data/postmaster.pid")).exists();
    assertThat(EmbeddedPostgres.status(dir)).isEmpty();

    assertThat(answer(EmbeddedPostgres.start(dir, port))).isEqualTo(42);
  }

  @Test
  void aPortThatAKilledServersChildrenStillHoldIsWaitedFor() throws Exception {
    Database.Settings settings = EmbeddedPostgres.start(dir, port);
    kill(pid());
    ServerSocket child = new ServerSocket();
    child.setReuseAddress(true);
    child.bind(new InetSocketAddress(EmbeddedPostgres.LOOPBACK, port));
    CompletableFuture<Void> gone =
        CompletableFuture.runAsync(
            () -> {
              try {
                child.close();
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            },
            CompletableFuture.delayedExecutor(700, TimeUnit.MILLISECONDS));

    assertThat(EmbeddedPostgres.start(dir, port)).isEqualTo(settings);
    gone.join();
  }

  @Test
  void aPidFileWhoseNumberBelongsToAnotherProcessNowIsNoServer() throws Exception {
    Database.Settings settings = EmbeddedPostgres.start(dir, port);
    kill(pid());
    Path pidFile = dir.resolve("data/postmaster.pid");
    List<String> lines = new ArrayList<>(Files.readAllLines(pidFile));
    lines.set(0, Long.toString(ProcessHandle.current().pid()));
    Files.write(pidFile, lines);

    assertThat(EmbeddedPostgres.status(dir)).isEmpty();
    assertThat(EmbeddedPostgres.start(dir, port)).isEqualTo(settings);
  }

  @Test
  void outlivesTheProcessThatStartedItEvenIfThatIsKilledWithItsGroup() throws Exception {
    Process starter = command("start", "--dir", dir.toString(), "--port", Integer.toString(port));
    String printed = new String(starter.getInputStream().readAllBytes(), UTF_8);
    assertThat(starter.waitFor()).isZero();

    assertThat(printed.strip()).endsWith(dir.resolve("connection.properties").toString());
    assertThat(EmbeddedPostgres.status(dir)).isPresent();
    String[] stat = Files.readString(Path.of("/proc/" + pid() + "/stat")).split(" ", -1);
    assertThat(stat[5]).as("its own session").isEqualTo(Long.toString(pid()));
    assertThat(ProcessHandle.of(pid()).orElseThrow().parent().map(ProcessHandle::pid))
        .isNotEqualTo(Optional.of(starter.pid()));
  }

  @Test
  void twoThatStartItAtOnceGetTheSameServer() throws Exception {
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Process other = command("start", "--dir", dir.toString(), "--port", Integer.toString(port));
      Callable<Database.Settings> start = () -> EmbeddedPostgres.start(dir, port);
      List<Future<Database.Settings>> started = threads.invokeAll(List.of(start, start));
      assertThat(other.waitFor()).isZero();
      assertThat(started.get(0).get()).isEqualTo(started.get(1).get());
    }
    assertThat(EmbeddedPostgres.status(dir)).isPresent();
  }

  @Test
  void aPortThatIsTakenIsNamed() throws Exception {
    try (ServerSocket taken =
        new ServerSocket(port, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
      assertThatThrownBy(() -> EmbeddedPostgres.start(dir, taken.getLocalPort()))
          .isInstanceOf(ConfigurationException.class)
          .hasMessageStartingWith("kilonova.database.embedded-port: ")
          .hasMessageContaining(Integer.toString(port));
    }
  }

  @Test
  void whatIsWrongWithTheSettingsIsOneLineThatNamesTheKey() {
    Database.Settings good = EmbeddedPostgres.start(dir, port);

    assertProblem(
        new Database.Settings(good.url(), good.user(), "guess", 2),
        "kilonova.database.password: ",
        "refuses this password for user kilonova");
    assertProblem(
        new Database.Settings(good.url(), good.user(), "", 2),
        "kilonova.database.password: ",
        "127.0.0.1:" + port);
    assertProblem(
        new Database.Settings(good.url() + "x", good.user(), good.password(), 2),
        "kilonova.database.url: ",
        "kilonovax");
    assertProblem(
        new Database.Settings("postgres://somewhere", good.user(), good.password(), 2),
        "kilonova.database.url: ",
        "jdbc:postgresql://host:port/database");
    EmbeddedPostgres.stop(dir);
    assertProblem(good, "kilonova.database.url: ", "no PostgreSQL answers at 127.0.0.1:" + port);
  }

  @Test
  void aDatabaseThatStartsLateIsWaitedFor() throws Exception {
    Database.Settings settings = EmbeddedPostgres.start(dir, port);
    EmbeddedPostgres.stop(dir);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Integer> answer =
          threads.submit(
              () -> {
                try (Database database = Database.open(settings, Duration.ofSeconds(30))) {
                  return database
                      .jdbi()
                      .withHandle(handle -> handle.select("SELECT 42").mapTo(int.class).one());
                }
              });
      EmbeddedPostgres.start(dir, port);
      assertThat(answer.get(60, TimeUnit.SECONDS)).isEqualTo(42);
    }
  }

  @Test
  void theStatusCommandAnswersWithItsExitCode() {
    assertThat(run("status")).isEqualTo(1);
    EmbeddedPostgres.start(dir, port);
    assertThat(run("status")).isZero();
    assertThat(run("stop")).isZero();
    assertThat(run("status")).isEqualTo(1);
    assertThat(run("nonsense")).isEqualTo(2);
  }

  private static void assertProblem(Database.Settings settings, String start, String part) {
    assertThatThrownBy(() -> Database.open(settings, Duration.ZERO).close())
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith(start)
        .hasMessageContaining(part)
        .satisfies(e -> assertThat(e.getMessage().lines()).hasSize(1));
  }

  private int run(String verb) {
    return new CommandLine(new PostgresCommand())
        .setOut(new PrintWriter(Writer.nullWriter()))
        .setErr(new PrintWriter(Writer.nullWriter()))
        .execute(verb, "--dir", dir.toString());
  }

  /** The same command in a JVM of its own. */
  private static Process command(String... arguments) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-cp",
                System.getProperty("java.class.path"),
                Starter.class.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
  }

  /** Main of the other JVM. */
  public static final class Starter {
    private Starter() {}

    public static void main(String[] args) {
      System.exit(new CommandLine(new PostgresCommand()).execute(args));
    }
  }

  private long pid() {
    return EmbeddedPostgres.status(dir).orElseThrow().pid();
  }

  private static void kill(long pid) throws Exception {
    ProcessHandle process = ProcessHandle.of(pid).orElseThrow();
    process.destroyForcibly();
    process.onExit().get(10, TimeUnit.SECONDS);
  }

  private static int answer(Database.Settings settings) {
    return jdbi(settings)
        .withHandle(handle -> handle.select("SELECT answer FROM kept").mapTo(int.class).one());
  }

  private static String show(Database.Settings settings, String name) {
    return jdbi(settings)
        .withHandle(handle -> handle.select("SHOW " + name).mapTo(String.class).one());
  }

  private static Jdbi jdbi(Database.Settings settings) {
    return Jdbi.create(settings.url(), settings.user(), settings.password());
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
