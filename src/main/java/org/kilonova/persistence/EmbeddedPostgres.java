package org.kilonova.persistence;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.kilonova.kernel.ConfigurationException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The database of a cloud that was given none: a real PostgreSQL from the programs in the jar, as a
 * daemon of its own. It does not die with the process that started it (several processes of a
 * cluster share it), and each process that calls {@link #start} finds it or starts it again.
 *
 * <p>It is as durable as any PostgreSQL: fsync and synchronous_commit are on, whatever the
 * configuration file says, because a 202 is a promise. It listens on 127.0.0.1 unless it is given
 * another address, has no unix socket, and asks whoever connects for a generated password
 * (scram-sha-256).
 *
 * <p>Below its directory: {@code data} (the cluster), {@code password} and {@code
 * connection.properties} (for the owner only), {@code postgresql.log}, and the programs. All
 * methods block; they are safe against other threads and other processes.
 */
public final class EmbeddedPostgres {
  /** The role that owns the cluster, and the name of the database. */
  public static final String NAME = "kilonova";

  /** Where it listens unless told otherwise. */
  public static final String LOOPBACK = "127.0.0.1";

  private static final Logger LOG = LoggerFactory.getLogger(EmbeddedPostgres.class);

  /** Long enough to replay a full {@code max_wal_size} from a slow disk. */
  private static final Duration START_TIMEOUT = Duration.ofMinutes(2);

  private static final Duration ORPHANS = Duration.ofSeconds(10);
  private static final Duration POLL = Duration.ofMillis(20);
  private static final long LOG_ROTATES_AT = 16L << 20;
  private static final int POOL_SIZE = 10;

  /** Written into postgresql.conf once, where an operator may change them. */
  private static final List<String> INITIAL_SETTINGS =
      List.of(
          "shared_buffers=256MB",
          "max_connections=200",
          "wal_compression=on",
          "max_wal_size=2GB",
          "min_wal_size=256MB",
          "checkpoint_timeout=15min",
          // many short statements: compiling them costs more than it saves
          "jit=off",
          // an abandoned transaction would hold back the projector, see docs/adr/0003
          "idle_in_transaction_session_timeout=60s",
          "log_min_duration_statement=1s",
          "log_line_prefix=%m [%p] %a ",
          "log_timezone=UTC",
          "timezone=UTC");

  /** Given on the command line at each start, so that no file can override them. */
  private static final List<String> FIXED_SETTINGS =
      List.of(
          "fsync=on",
          "synchronous_commit=on",
          "full_page_writes=on",
          "unix_socket_directories=",
          "password_encryption=scram-sha-256",
          "logging_collector=off",
          "log_destination=stderr");

  /** File locks are held by the JVM as a whole, so threads need one of their own. */
  private static final ReentrantLock THREADS = new ReentrantLock();

  private final Path directory;
  private final Path data;

  private EmbeddedPostgres(Path directory) throws IOException {
    // one spelling for all: the server is recognised by the path on its command line
    this.directory =
        Files.exists(directory) ? directory.toRealPath() : directory.toAbsolutePath().normalize();
    this.data = this.directory.resolve("data");
  }

  /**
   * A running server.
   *
   * @param ready whether it accepts connections already
   */
  public record Status(long pid, int port, boolean ready) {}

  /**
   * Makes sure that the server of {@code directory} runs: creates the cluster at the first call,
   * adopts a server that runs already (on the port that it has), starts it again if it died.
   * Returns when it accepts connections.
   *
   * @param port where a server that has to be started listens, on {@link #LOOPBACK}
   * @throws ConfigurationException if the port is taken, the machine is no Linux on x86-64, or root
   *     may not make a user namespace
   */
  public static Database.Settings start(Path directory, int port) {
    return start(directory, LOOPBACK, port);
  }

  /**
   * As {@link #start(Path, int)}, for processes on other machines too.
   *
   * @param address of this machine, where a server that has to be started listens
   */
  public static Database.Settings start(Path directory, String address, int port) {
    return locked(directory, server -> server.start(address, port));
  }

  /**
   * Shuts the server down: open transactions are rolled back, connections closed, nothing that was
   * committed is lost.
   *
   * @return false if it did not run
   */
  public static boolean stop(Path directory) {
    return Files.isDirectory(directory) && locked(directory, EmbeddedPostgres::stop);
  }

  /** The server of this directory, if it runs. */
  public static Optional<Status> status(Path directory) {
    try {
      return new EmbeddedPostgres(directory).running().map(Postmaster::status);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private interface Action<T> {
    T on(EmbeddedPostgres server) throws IOException;
  }

  /** One process, one thread at a time. */
  private static <T> T locked(Path directory, Action<T> action) {
    THREADS.lock();
    try {
      Files.createDirectories(directory, ownerOnly("rwx------"));
      try (FileChannel channel =
              FileChannel.open(
                  directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
          var lock = channel.lock()) {
        return action.on(new EmbeddedPostgres(directory));
      }
    } catch (IOException e) {
      throw new UncheckedIOException("embedded PostgreSQL in " + directory, e);
    } finally {
      THREADS.unlock();
    }
  }

  private Database.Settings start(String address, int port) throws IOException {
    Path programs = PostgresBinaries.unpack(directory);
    String password = password();
    if (!Files.isDirectory(data)) {
      initdb(programs);
    }
    Postmaster postmaster = running().orElse(null);
    if (postmaster == null) {
      postmaster = launch(programs, address, port);
    } else {
      awaitReady(postmaster.process());
      postmaster = running().orElse(postmaster);
    }
    Database.Settings settings =
        new Database.Settings(url(postmaster, NAME), NAME, password, POOL_SIZE);
    createDatabase(postmaster, password);
    writeConnectionProperties(settings);
    return settings;
  }

  private static String url(Postmaster server, String database) {
    return "jdbc:postgresql://%s:%d/%s".formatted(server.address(), server.port(), database);
  }

  // ------------------------------------------------------------------------------- creation

  private Path passwordFile() {
    return directory.resolve("password");
  }

  /** Reads the password; makes one before the cluster exists, so that the two cannot part. */
  private String password() throws IOException {
    if (!Files.exists(passwordFile())) {
      byte[] bytes = new byte[24];
      new SecureRandom().nextBytes(bytes);
      SecretFile.write(passwordFile(), HexFormat.of().formatHex(bytes));
    }
    return Files.readString(passwordFile()).strip();
  }

  private static FileAttribute<Set<PosixFilePermission>> ownerOnly(String permissions) {
    return PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions));
  }

  /** The cluster gets its name when it is complete: a killed initdb is simply repeated. */
  private void initdb(Path programs) throws IOException {
    Path draft = directory.resolve("data.new");
    PostgresBinaries.deleteTree(draft);
    List<String> command = new ArrayList<>(asOrdinaryUser());
    command.add(programs.resolve("bin/initdb").toString());
    command.addAll(
        List.of(
            "--pgdata=" + draft,
            "--username=" + NAME,
            "--pwfile=" + passwordFile(),
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            // the same order and case rules on every machine, whatever its C library
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C"));
    INITIAL_SETTINGS.forEach(setting -> command.add("--set=" + setting));
    run(command);
    Files.move(draft, data, StandardCopyOption.ATOMIC_MOVE);
  }

  private void createDatabase(Postmaster server, String password) {
    try (Connection connection =
            DriverManager.getConnection(url(server, "postgres"), NAME, password);
        Statement statement = connection.createStatement()) {
      requireOwnCluster(statement);
      try (ResultSet found =
          statement.executeQuery("SELECT 1 FROM pg_database WHERE datname = '" + NAME + "'")) {
        if (found.next()) {
          return;
        }
      }
      statement.execute("CREATE DATABASE " + NAME);
    } catch (SQLException e) {
      throw new IllegalStateException("embedded PostgreSQL in " + directory, e);
    }
  }

  /** That the port leads to our cluster, and not to that of somebody who was faster. */
  private void requireOwnCluster(Statement statement) throws SQLException {
    try (ResultSet shown = statement.executeQuery("SHOW data_directory")) {
      shown.next();
      if (!shown.getString(1).equals(data.toString())) {
        throw new IllegalStateException(
            "the PostgreSQL that answers has its data in " + shown.getString(1));
      }
    }
  }

  private void writeConnectionProperties(Database.Settings settings) throws IOException {
    SecretFile.write(
        directory.resolve("connection.properties"),
        "url=%s\nuser=%s\npassword=%s\n"
            .formatted(settings.url(), settings.user(), settings.password()));
  }

  // -------------------------------------------------------------------------------- running

  /** What postmaster.pid says, once it was checked against the process. */
  private record Postmaster(ProcessHandle process, String address, int port, boolean ready) {
    Status status() {
      return new Status(process.pid(), port, ready);
    }
  }

  private Path pidFile() {
    return data.resolve("postmaster.pid");
  }

  /**
   * The server that owns our cluster. The pid file alone proves nothing: it outlives a kill -9, and
   * its number may belong to somebody else since.
   */
  private Optional<Postmaster> running() {
    try {
      List<String> lines = Files.readAllLines(pidFile());
      if (lines.size() < 4) {
        return Optional.empty(); // being written, or torn
      }
      long pid = Long.parseLong(lines.get(0).strip());
      int port = Integer.parseInt(lines.get(3).strip());
      String address = lines.size() < 6 ? "" : lines.get(5).strip(); // there once it listens
      boolean ready = lines.size() >= 8 && lines.get(7).strip().equals("ready");
      return isOurs(pid)
          ? ProcessHandle.of(pid).map(process -> new Postmaster(process, address, port, ready))
          : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NumberFormatException e) {
      return Optional.empty();
    }
  }

  /** Whether the process is a postgres that was started for our data directory. */
  private boolean isOurs(long pid) {
    try {
      List<String> arguments =
          List.of(Files.readString(Path.of("/proc/" + pid + "/cmdline")).split("\0", -1));
      return arguments.getFirst().endsWith("/postgres") && arguments.contains(data.toString());
    } catch (IOException e) {
      return false; // gone
    }
  }

  private Postmaster launch(Path programs, String address, int port) throws IOException {
    requireFree(address, port);
    rotateLog();
    Path whoMayConnect = directory.resolve("pg_hba.conf");
    SecretFile.write(whoMayConnect, "host all all all scram-sha-256\n");
    List<String> command = new ArrayList<>();
    // a session of its own: neither Ctrl-C nor the end of the terminal or of the JVM reaches it
    command.add("setsid");
    command.addAll(asOrdinaryUser());
    command.addAll(List.of(programs.resolve("bin/postgres").toString(), "-D", data.toString()));
    command.addAll(List.of("-c", "listen_addresses=" + address, "-c", "port=" + port));
    command.addAll(List.of("-c", "hba_file=" + whoMayConnect));
    FIXED_SETTINGS.forEach(setting -> command.addAll(List.of("-c", setting)));
    long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
    while (true) {
      dropForeignPidFile();
      long logged = Files.exists(log()) ? Files.size(log()) : 0;
      Process process =
          new ProcessBuilder(command)
              .directory(directory.toFile())
              .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()))
              .start();
      if (awaitReady(process.toHandle())) {
        Postmaster postmaster = running().orElseThrow();
        LOG.info("started PostgreSQL, pid {}, port {}", process.pid(), port);
        return postmaster;
      }
      String problem = lastProblem(logged);
      // after a kill -9 the children of the dead server need a moment to notice
      boolean orphans = problem.contains("shared memory block") || problem.contains("lock file");
      if (!orphans || System.nanoTime() > deadline) {
        throw new IllegalStateException("PostgreSQL does not start: " + problem + "; see " + log());
      }
      LockSupport.parkNanos(POLL.multipliedBy(10).toNanos());
    }
  }

  /**
   * Waits until the server accepts connections.
   *
   * @return false if its process ended
   */
  private boolean awaitReady(ProcessHandle process) throws IOException {
    long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
    while (System.nanoTime() < deadline) {
      if (running().filter(found -> found.ready && found.process.equals(process)).isPresent()) {
        return true;
      }
      if (ended(process, POLL)) {
        return false;
      }
    }
    throw new IOException("PostgreSQL (pid " + process.pid() + ") does not get ready");
  }

  private static boolean ended(ProcessHandle process, Duration patience) throws IOException {
    try {
      process.onExit().get(patience.toMillis(), TimeUnit.MILLISECONDS);
      return true;
    } catch (TimeoutException e) {
      return !process.isAlive();
    } catch (ExecutionException e) {
      throw new IOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }

  private boolean stop() throws IOException {
    Optional<Postmaster> postmaster = running();
    if (postmaster.isEmpty()) {
      return false;
    }
    List<String> command = new ArrayList<>(asOrdinaryUser());
    command.add(PostgresBinaries.unpack(directory).resolve("bin/pg_ctl").toString());
    command.addAll(List.of("stop", "-D", data.toString(), "-m", "fast", "-w", "-t", "60"));
    run(command);
    return true;
  }

  // ---------------------------------------------------------------------------------- parts

  private Path log() {
    return directory.resolve("postgresql.log");
  }

  private void rotateLog() throws IOException {
    if (Files.exists(log()) && Files.size(log()) > LOG_ROTATES_AT) {
      Files.move(log(), directory.resolve("postgresql.log.1"), StandardCopyOption.REPLACE_EXISTING);
    }
    if (!Files.exists(log())) {
      Files.createFile(log(), ownerOnly("rw-------")); // it may quote statements
    }
  }

  /** The last line of that kind that was logged after position {@code from}. */
  private String lastProblem(long from) throws IOException {
    byte[] all = Files.readAllBytes(log());
    String text = new String(all, (int) from, (int) (all.length - from), StandardCharsets.UTF_8);
    return text.lines()
        .filter(line -> line.contains("FATAL") || line.contains("PANIC"))
        .reduce((first, second) -> second)
        .orElseGet(() -> text.lines().reduce((first, second) -> second).orElse("no reason given"));
  }

  /**
   * PostgreSQL itself removes the pid file of a dead server, but takes one whose number belongs to
   * another process by now (after a reboot) for a running server.
   */
  private void dropForeignPidFile() throws IOException {
    if (Files.exists(pidFile())) {
      String pid = Files.readString(pidFile()).lines().findFirst().orElse("").strip();
      if (pid.matches("\\d{1,9}")
          && Files.exists(Path.of("/proc", pid))
          && !isOurs(Long.parseLong(pid))) {
        Files.delete(pidFile());
      }
    }
  }

  /**
   * So that a taken port is one line that names the key. After a crash it is waited for: the dead
   * server's children hold it until they have noticed.
   */
  private void requireFree(String address, int port) {
    long deadline = System.nanoTime() + (Files.exists(pidFile()) ? ORPHANS.toNanos() : 0);
    while (true) {
      try (ServerSocket socket = new ServerSocket()) {
        socket.setReuseAddress(true);
        socket.bind(new InetSocketAddress(InetAddress.getByName(address), port));
        return;
      } catch (IOException | IllegalArgumentException e) {
        if (System.nanoTime() >= deadline) {
          throw new ConfigurationException(
              "kilonova.database.embedded-port",
              "%s:%d cannot be listened on: %s".formatted(address, port, e.getMessage()),
              e);
        }
        LockSupport.parkNanos(POLL.toNanos());
      }
    }
  }

  /**
   * PostgreSQL refuses to run as root. A user namespace without any mapping takes root's powers
   * away, yet the files stay root's, so no other account is needed.
   */
  private static List<String> asOrdinaryUser() throws IOException {
    if (!Integer.valueOf(0).equals(Files.getAttribute(Path.of("/proc/self"), "unix:uid"))) {
      return List.of();
    }
    List<String> prefix = List.of("unshare", "--user");
    try {
      run(Stream.concat(prefix.stream(), Stream.of("true")).toList());
    } catch (IOException e) {
      throw new ConfigurationException(
          "kilonova.database.url",
          "the embedded PostgreSQL cannot run as root here, as user namespaces are not allowed:"
              + " start Kilonova as another user, or name a PostgreSQL server",
          e);
    }
    return prefix;
  }

  private static void run(List<String> command) throws IOException {
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
            .start();
    String output;
    try (InputStream stream = process.getInputStream()) {
      output = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    }
    try {
      if (process.waitFor() != 0) {
        throw new IOException(command + " failed: " + output.strip());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted", e);
    }
  }
}
