package org.kilonova.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.kilonova.compute.driver.fake.FakeHypervisorOracle;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.EmbeddedPostgres;
import org.kilonova.testing.FreePorts;

/**
 * Real processes of the packaged jar on this machine, with one PostgreSQL and fake hypervisors
 * whose domains outlive their agents. Processes are killed by the pid that was recorded when they
 * were started.
 */
final class ChaosCluster implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path TEST_CLASSES = Path.of("target/test-classes");
  private static final int REMOVED = 75;
  private static final Duration PATIENCE = Duration.ofSeconds(150);

  /** One process. */
  static final class Member {
    private final String name;
    private final String roles;
    private final ChaosNetwork.Host host; // null on this machine's loopback
    private final int remoting = FreePorts.next();
    private final int management = FreePorts.next();
    private final int api = FreePorts.next();
    private final List<Integer> exits = new CopyOnWriteArrayList<>();
    private volatile Process process;

    private Member(String name, String roles, ChaosNetwork.Host host) {
      this.name = name;
      this.roles = roles;
      this.host = host;
    }

    private String address() {
      return host == null ? EmbeddedPostgres.LOOPBACK : host.address();
    }

    /** The exit codes of its processes that ended so far. */
    List<Integer> exits() {
      return List.copyOf(exits);
    }

    boolean isController() {
      return roles.contains("controller");
    }

    String name() {
      return name;
    }

    long pid() {
      return process.pid();
    }

    boolean isAlive() {
      return process != null && process.isAlive();
    }

    URI endpoint() {
      return URI.create("http://" + address() + ":" + api);
    }
  }

  private final Path dir;
  private final String behaviour;
  private final ChaosNetwork network; // null if all are on this machine's loopback
  private final int postgresPort = FreePorts.next();
  private final Database.Settings database;
  private final Map<String, Member> members = new LinkedHashMap<>();
  private final HttpClient http =
      HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
  private final Map<String, String> settings = new LinkedHashMap<>();
  private boolean testClasses;
  private String image;
  private volatile boolean closing;

  /**
   * An empty cluster.
   *
   * @param behaviour of the fake hypervisors, e.g. works or slow
   */
  ChaosCluster(Path dir, String behaviour) {
    this(dir, behaviour, null);
  }

  /** An empty cluster, each process of which is plugged into this network, which it then owns. */
  ChaosCluster(Path dir, String behaviour, ChaosNetwork network) {
    this.dir = dir;
    this.behaviour = behaviour;
    this.network = network;
    this.database = startPostgres();
  }

  /** Starts PostgreSQL, unless it runs; returns when it accepts connections. */
  final Database.Settings startPostgres() {
    String address = network == null ? EmbeddedPostgres.LOOPBACK : network.databaseAddress();
    return EmbeddedPostgres.start(dir.resolve("postgres"), address, postgresPort);
  }

  // ---- processes
  // -----------------------------------------------------------------------------------

  /** A key of the configuration for all members that are started from now on. */
  ChaosCluster with(String key, Object value) {
    settings.put(key, value.toString());
    return this;
  }

  /** What a third party adds to the class path: the classes of the tests. */
  ChaosCluster withTestClasses() {
    testClasses = true;
    return this;
  }

  Member add(String name, String roles) {
    Member member = new Member(name, roles, network == null ? null : network.addHost());
    members.put(name, member);
    return member;
  }

  /** Starts a member. */
  void start(Member member) {
    String seeds =
        String.join(
            ",",
            members.values().stream()
                .filter(Member::isController)
                .map(m -> m.address() + ":" + m.remoting)
                .toList());
    List<String> command = new ArrayList<>(member.host == null ? List.of() : member.host.enter());
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx384m",
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "--enable-native-access=ALL-UNNAMED",
            "-Dkilonova.api.allow-noauth-everywhere=true"));
    command.add("-Dkilonova.failpoints=" + failPoints());
    settings.forEach((key, value) -> command.add("-D" + key + "=" + value));
    String jar = System.getProperty("kilonova.jar");
    command.addAll(
        testClasses
            ? List.of("-cp", jar + File.pathSeparator + TEST_CLASSES, "org.kilonova.Main", "node")
            : List.of("-jar", jar, "node"));
    ProcessBuilder builder = new ProcessBuilder(command);
    Map<String, String> env = builder.environment();
    env.put("KILONOVA_ROLES", member.roles);
    env.put("KILONOVA_NODE_NAME", member.name);
    env.put("KILONOVA_HOST", member.name);
    env.put("KILONOVA_STATE_DIR", dir.resolve(member.name).toString());
    env.put("KILONOVA_DATA_DIR", dir.resolve("data").toString());
    env.put("KILONOVA_FAKE_DIR", hypervisors().toString());
    env.put("KILONOVA_FAKE_BEHAVIOUR", behaviour);
    env.put("KILONOVA_DRIVER", "fake");
    env.put("KILONOVA_SEEDS", seeds);
    env.put("KILONOVA_REMOTING_HOST", member.address());
    env.put("KILONOVA_API_HOST", member.address());
    env.put("KILONOVA_REMOTING_PORT", Integer.toString(member.remoting));
    env.put("KILONOVA_MANAGEMENT_PORT", Integer.toString(member.management));
    env.put("KILONOVA_CONSOLE_PORT", "0");
    env.put("KILONOVA_API_PORT", Integer.toString(member.api));
    env.put("KILONOVA_DB_URL", database.url());
    env.put("KILONOVA_DB_USER", database.user());
    env.put("KILONOVA_DB_PASSWORD", database.password());
    env.put("KILONOVA_AUTH_STRATEGY", "noauth2");
    File log = dir.resolve(member.name + ".log").toFile();
    builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.appendTo(log));
    try {
      Process process = builder.start();
      member.process = process;
      // What the scripts' supervisor does: a process that the cluster removed is started again.
      process
          .onExit()
          .thenAccept(
              ended -> {
                member.exits.add(ended.exitValue());
                if (ended.exitValue() == REMOVED && !closing && member.process == ended) {
                  start(member);
                }
              });
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Starts all that were added, and waits until they serve and so many hosts are known. */
  void startAll(int hosts) {
    members.values().forEach(m -> start(m));
    controllers().forEach(this::awaitServing);
    controllers().forEach(c -> await("hosts of " + c.name, () -> hostsUp(c), n -> n == hosts));
  }

  void awaitServing(Member member) {
    await(
        member.name + " serves",
        () -> {
          try {
            return send(member, "GET", "/healthz", null).statusCode();
          } catch (UncheckedIOException e) {
            return 0;
          }
        },
        status -> status == 200);
  }

  /** How many compute hosts this controller hears. */
  int hostsUp(Member controller) {
    int up = 0;
    for (JsonNode service :
        json(send(controller, "GET", "/compute/v2.1/os-services?binary=nova-compute", null))
            .path("services")) {
      up += service.path("state").asText().equals("up") ? 1 : 0;
    }
    return up;
  }

  List<Member> all() {
    return List.copyOf(members.values());
  }

  Member member(String name) {
    return members.get(name);
  }

  List<Member> controllers() {
    return members.values().stream().filter(m -> m.isController() && m.isAlive()).toList();
  }

  /** The next process that gets to this place dies there (see {@code FailPoint}). */
  void arm(String place) {
    try {
      Files.createDirectories(failPoints());
      Files.createFile(failPoints().resolve(place));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The places that nobody has got to yet. */
  List<String> armed() {
    if (!Files.isDirectory(failPoints())) {
      return List.of();
    }
    try (Stream<Path> places = Files.list(failPoints())) {
      return places.map(place -> place.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Nobody dies at any place from now on. */
  void disarm() {
    if (Files.isDirectory(failPoints())) {
      try (DirectoryStream<Path> places = Files.newDirectoryStream(failPoints())) {
        for (Path place : places) {
          Files.deleteIfExists(place);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Members that were started and do not run. */
  List<Member> dead() {
    return members.values().stream().filter(m -> m.process != null && !m.isAlive()).toList();
  }

  private Path failPoints() {
    return dir.resolve("failpoints");
  }

  /** Those that are dead included. */
  List<Member> allControllers() {
    return members.values().stream().filter(Member::isController).toList();
  }

  /** As a power cut would. */
  void kill(Member member) {
    member.process.destroyForcibly();
    awaitDead(member);
  }

  /** As an operator does who restarts a service: SIGTERM, and the time that it takes. */
  void stop(Member member) {
    member.process.destroy();
    awaitDead(member);
  }

  void awaitDead(Member member) {
    try {
      if (!member.process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError(member.name + " did not die");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /** A clean shutdown of PostgreSQL: connections are closed. */
  void stopPostgres() {
    EmbeddedPostgres.stop(dir.resolve("postgres"));
  }

  /** kill -9 of PostgreSQL's postmaster. */
  void killPostgres() {
    long pid = EmbeddedPostgres.status(dir.resolve("postgres")).orElseThrow().pid();
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    await(
        "PostgreSQL is dead",
        () -> ProcessHandle.of(pid).map(ChaosCluster::runs),
        a -> !a.orElse(false));
  }

  // ---- links
  // ---------------------------------------------------------------------------------------

  /**
   * Cuts members off from others, and from nobody else: those who are not named reach both sides.
   */
  void cut(Collection<Member> side, Collection<Member> other) {
    network.cut(addresses(side), addresses(other));
  }

  /** Cuts members off from all others, not from each other and not from PostgreSQL. */
  void cutOff(Member... side) {
    List<Member> rest = new ArrayList<>(members.values());
    rest.removeAll(List.of(side));
    cut(List.of(side), rest);
  }

  /** Cuts members off from PostgreSQL. */
  void cutOffFromDatabase(Collection<Member> side) {
    network.cut(addresses(side), List.of(network.databaseAddress()));
  }

  /** All links are whole again. */
  void heal() {
    network.heal();
  }

  /**
   * The names of the members that are up and reachable, as this one sees it; empty if it cannot be
   * asked or is in no cluster.
   */
  Set<String> seesUp(Member member) {
    try {
      JsonNode seen = clusterSeenBy(member);
      Set<String> up = new TreeSet<>();
      for (JsonNode node : seen.path("members")) {
        if (node.path("status").asText().equals("Up")) {
          up.add(nameOf(node.path("node").asText()));
        }
      }
      seen.path("unreachable").forEach(node -> up.remove(nameOf(node.path("node").asText())));
      return up;
    } catch (IOException e) {
      return Set.of();
    }
  }

  private JsonNode clusterSeenBy(Member member) throws IOException {
    URI members =
        URI.create("http://%s:%d/cluster/members".formatted(member.address(), member.management));
    try {
      return json(
          http.send(
              HttpRequest.newBuilder(members).timeout(Duration.ofSeconds(5)).build(),
              BodyHandlers.ofByteArray()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  private String nameOf(String node) {
    return members.values().stream()
        .filter(m -> node.endsWith("@" + m.address() + ":" + m.remoting))
        .map(Member::name)
        .findFirst()
        .orElse(node);
  }

  private static List<String> addresses(Collection<Member> side) {
    return side.stream().map(Member::address).toList();
  }

  private static boolean runs(ProcessHandle process) {
    // A zombie that nobody reaps still counts as alive for the JDK, but has no command any more.
    return process.isAlive() && process.info().command().isPresent();
  }

  Path hypervisors() {
    return dir.resolve("fake-hypervisor");
  }

  FakeHypervisorOracle oracle() {
    return new FakeHypervisorOracle(hypervisors());
  }

  /** A judge of this cluster, who watches from now on. */
  Judge judge() {
    return new Judge(oracle(), database);
  }

  Database openDatabase() {
    return Database.open(database);
  }

  String log(Member member) {
    try {
      return Files.readString(dir.resolve(member.name + ".log"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The controller that has been in the cluster for longest: singletons run there. */
  Member oldest() {
    for (Member any : controllers()) {
      try {
        String address = clusterSeenBy(any).path("oldestPerRole").path("controller").asText();
        // It may just have died, and nobody has noticed yet.
        return allControllers().stream()
            .filter(m -> address.endsWith(m.address() + ":" + m.remoting))
            .findFirst()
            .orElseThrow(() -> new AssertionError("nobody is " + address));
      } catch (IOException e) {
        // another one knows too
      }
    }
    throw new AssertionError("no controller answers");
  }

  // ---- the API
  // ----------------------------------------------------------------------------------------

  HttpResponse<byte[]> send(Member member, String method, String path, Object body) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(member.endpoint().resolve(path))
            .timeout(Duration.ofSeconds(40))
            .header("X-Auth-Token", "admin:admin");
    try {
      if (body instanceof byte[] bytes) {
        request
            .header("Content-Type", "application/octet-stream")
            .method(method, BodyPublishers.ofByteArray(bytes));
      } else if (body != null) {
        request
            .header("Content-Type", "application/json")
            .method(method, BodyPublishers.ofByteArray(JSON.writeValueAsBytes(body)));
      } else {
        request.method(method, BodyPublishers.noBody());
      }
      return http.send(request.build(), BodyHandlers.ofByteArray());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  static JsonNode json(HttpResponse<byte[]> answer) {
    try {
      return answer.body().length == 0 ? JSON.missingNode() : JSON.readTree(answer.body());
    } catch (IOException e) {
      throw new AssertionError(answer.statusCode() + " " + new String(answer.body()), e);
    }
  }

  /** An image to boot from, and no quota in the way. */
  void prepare() {
    Member any = controllers().get(0);
    JsonNode created =
        json(
            send(
                any,
                "POST",
                "/image/v2/images",
                Map.of(
                    "name",
                    "chaos",
                    "disk_format",
                    "raw",
                    "container_format",
                    "bare",
                    "visibility",
                    "public")));
    image = created.path("id").asText();
    HttpResponse<byte[]> stored =
        send(any, "PUT", "/image/v2/images/" + image + "/file", new byte[1024]);
    HttpResponse<byte[]> quota =
        send(
            any,
            "PUT",
            "/compute/v2.1/os-quota-class-sets/default",
            Map.of("quota_class_set", Map.of("instances", -1, "cores", -1, "ram", -1)));
    if (stored.statusCode() != 204 || quota.statusCode() != 200) {
      throw new AssertionError(stored + " " + quota + " " + new String(quota.body()));
    }
  }

  /** What servers boot from. */
  String image() {
    return image;
  }

  /** The body of a request that boots a server. */
  Map<String, Object> bootRequest(String name) {
    return Map.of("server", Map.of("name", name, "imageRef", image, "flavorRef", "1"));
  }

  /** A server on this host, as an administrator may ask for it. */
  Map<String, Object> bootRequest(String name, String host) {
    return Map.of(
        "server",
        Map.of(
            "name",
            name,
            "imageRef",
            image,
            "flavorRef",
            "1",
            "availability_zone",
            "nova:" + host));
  }

  /** A list was answered with something else. */
  static final class NotListed extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient HttpResponse<byte[]> answer;

    private NotListed(HttpResponse<byte[]> answer) {
      super(answer.statusCode() + " " + new String(answer.body()));
      this.answer = answer;
    }

    HttpResponse<byte[]> answer() {
      return answer;
    }
  }

  /** Status (and task state) of all servers, as this controller lists them. */
  Map<String, String> statuses(Member controller) {
    HttpResponse<byte[]> answer =
        send(controller, "GET", "/compute/v2.1/servers/detail?limit=1000", null);
    if (answer.statusCode() != 200) {
      throw new NotListed(answer);
    }
    Map<String, String> statuses = new LinkedHashMap<>();
    for (JsonNode server : json(answer).path("servers")) {
      statuses.put(
          server.path("id").asText(),
          server.path("status").asText()
              + (server.path("OS-EXT-STS:task_state").isNull()
                  ? ""
                  : " " + server.path("OS-EXT-STS:task_state").asText())
              + (server.has("fault") ? ": " + server.path("fault").path("message").asText() : ""));
    }
    return statuses;
  }

  /** Waits until something is as wanted. */
  static <T> T await(String what, Supplier<T> value, Predicate<T> wanted) {
    Instant deadline = Instant.now().plus(PATIENCE);
    while (true) {
      T now = value.get();
      if (wanted.test(now)) {
        return now;
      }
      if (Instant.now().isAfter(deadline)) {
        throw new AssertionError(what + ": still " + now);
      }
      pause(Duration.ofMillis(200));
    }
  }

  /** Lets time pass. */
  static void pause(Duration duration) {
    LockSupport.parkNanos(duration.toNanos());
  }

  @Override
  public void close() {
    closing = true;
    members.values().stream().filter(Member::isAlive).forEach(this::kill);
    EmbeddedPostgres.stop(dir.resolve("postgres"));
    if (network != null) {
      network.close();
    }
  }
}
