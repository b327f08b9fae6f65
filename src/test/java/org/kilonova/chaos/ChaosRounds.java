package org.kilonova.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.kilonova.chaos.ChaosCluster.Member;

/**
 * Rounds of random killing on one long-lived cluster; {@code scripts/chaos} runs it. In each round
 * servers are booted and those of the round before are deleted, one or two victims die at a random
 * moment or at a random place, and are started again at once, later, or when all else is done.
 * After each round the {@link Judge} has to be content.
 *
 * <p>A round's choices depend on the seed and the round's number only.
 */
final class ChaosRounds implements AutoCloseable {
  private static final int CONTROLLERS = 3;
  private static final int COMPUTES = 2;
  private static final int HOSTS_OF_A_COMPUTE = 4;
  private static final int SURVIVORS = 3;
  private static final int CLIENTS = 8;

  /** So many boots at least are on their way when somebody dies. */
  private static final int IN_FLIGHT = 20;

  /** And so many begin after a place was armed, so that somebody gets there. */
  private static final int MORE = 10;

  private static final Duration REACHED = Duration.ofSeconds(5);

  /** From the moment that a process has got to its place until it is seen to be dead. */
  private static final Duration DYING = Duration.ofMillis(500);

  private static final Duration SETTLED = Duration.ofSeconds(120);
  private static final String POSTGRES = "PostgreSQL";

  /** What is to happen in a round. */
  private record Round(
      int number, int servers, List<String> victims, Duration moment, Duration away) {
    /**
     * The one of this number.
     *
     * @param random from the seed and the number
     */
    static Round of(int number, Random random) {
      int servers = 30 + random.nextInt(21);
      List<String> victims = new ArrayList<>(List.of(victim(random)));
      if (random.nextInt(3) == 0) {
        Stream.generate(() -> victim(random))
            .filter(second -> !second.equals(victims.getFirst()))
            .findFirst()
            .ifPresent(victims::add);
      }
      Duration moment = Duration.ofMillis(random.nextInt(1_500));
      Duration away =
          switch (random.nextInt(3)) {
            case 0 -> Duration.ZERO;
            case 1 -> Duration.ofMillis(random.nextInt(15_000));
            default -> Duration.ofMillis(15_000 + random.nextInt(25_000));
          };
      return new Round(number, servers, List.copyOf(victims), moment, away);
    }

    private static String victim(Random random) {
      List<String> places = FailPlaces.ALL;
      return switch (random.nextInt(8)) {
        case 0, 1 -> "controller-" + (1 + random.nextInt(CONTROLLERS));
        case 2 -> "scheduler";
        case 3, 4 -> "compute-" + (1 + random.nextInt(COMPUTES));
        case 5 -> POSTGRES;
        default -> places.get(random.nextInt(places.size()));
      };
    }
  }

  private final long seed;
  private final ChaosCluster cluster;
  private final Judge judge;
  private final BootLoad load;
  private volatile String state = "";

  private ChaosRounds(long seed, Path dir) {
    this.seed = seed;
    cluster =
        new ChaosCluster(dir, "slow").with("kilonova.compute.simulated-hosts", HOSTS_OF_A_COMPUTE);
    IntStream.rangeClosed(1, CONTROLLERS)
        .forEach(i -> cluster.add("controller-" + i, "controller"));
    IntStream.rangeClosed(1, COMPUTES).forEach(i -> cluster.add("compute-" + i, "compute"));
    cluster.startAll(COMPUTES * HOSTS_OF_A_COMPUTE);
    cluster.prepare();
    judge = cluster.judge();
    load = new BootLoad(cluster);
  }

  /** What came of a round. */
  private record Result(
      Round round,
      Set<String> died,
      String states,
      long inFlight,
      int asked,
      int accepted,
      int servers,
      Duration took) {
    String line(long seed) {
      return String.format(
          Locale.ROOT,
          "round %d  seed %d  %s%s died %s with %d in flight %s; %d of %d accepted, all %d ACTIVE"
              + " %.1f s after",
          round.number(),
          seed,
          String.join(" and ", round.victims()),
          died.containsAll(round.victims()) ? "" : " " + died,
          back(),
          inFlight,
          states,
          accepted,
          asked,
          servers,
          took.toMillis() / 1000.0);
    }

    private String back() {
      return round.away().isZero()
          ? "(back at once)"
          : String.format(Locale.ROOT, "(back after %.1f s)", round.away().toMillis() / 1000.0);
    }

    ObjectNode json(long seed) {
      ObjectNode json = new ObjectMapper().createObjectNode();
      json.put("round", round.number()).put("seed", seed);
      round.victims().forEach(json.putArray("victims")::add);
      died.forEach(json.putArray("died")::add);
      json.put("away_seconds", round.away().toMillis() / 1000.0);
      json.put("states", states).put("in_flight", inFlight).put("accepted", accepted);
      json.put("active", servers).put("seconds", took.toMillis() / 1000.0);
      return json;
    }
  }

  private Result play(int number) {
    state = "round " + number;
    Round round = Round.of(number, new Random(seed * 1_000_003 + number));
    int before = load.accepted().size();
    List<String> old = new ArrayList<>(load.servers());
    Collections.sort(old);
    load.delete(old.subList(Math.min(SURVIVORS, old.size()), old.size()), 2);
    int asked = boot(round.servers());
    ChaosCluster.pause(round.moment());
    while (load.inFlight() < IN_FLIGHT) {
      asked += boot(IN_FLIGHT);
    }
    String states = load.states();
    long inFlight = load.inFlight();
    Instant struck = Instant.now();
    Set<String> died = new LinkedHashSet<>();
    asked += kill(round, died);
    ChaosCluster.pause(round.away());
    cluster.disarm();
    ChaosCluster.pause(DYING);
    startAgain(died);
    load.allDeleted();
    Duration took = Duration.between(struck, load.allActive());
    judge.onlyTheseAreThere(load::servers, SETTLED);
    int accepted = load.accepted().size() - before;
    state = "";
    return new Result(round, died, states, inFlight, asked, accepted, load.servers().size(), took);
  }

  /** Returns when enough are in flight. */
  private int boot(int servers) {
    load.boot(servers, CLIENTS);
    ChaosCluster.await("boots in flight", load::inFlight, n -> n >= Math.min(servers, IN_FLIGHT));
    return servers;
  }

  /** Adds to those that died, and returns how many more servers it asked for. */
  private int kill(Round round, Set<String> died) {
    for (String victim : round.victims()) {
      if (victim.equals(POSTGRES)) {
        cluster.killPostgres();
        died.add(victim);
      } else if (!FailPlaces.ALL.contains(victim)) {
        Member member = victim.equals("scheduler") ? cluster.oldest() : cluster.member(victim);
        cluster.kill(member);
        died.add(member.name());
      }
    }
    List<String> places = round.victims().stream().filter(FailPlaces.ALL::contains).toList();
    if (places.isEmpty()) {
      return 0;
    }
    places.forEach(cluster::arm);
    load.boot(MORE, CLIENTS);
    Instant end = Instant.now().plus(REACHED);
    while (!cluster.armed().isEmpty() && Instant.now().isBefore(end)) {
      ChaosCluster.pause(Duration.ofMillis(10));
    }
    return MORE;
  }

  private void startAgain(Set<String> died) {
    cluster.startPostgres();
    List<Member> dead = cluster.dead();
    dead.forEach(member -> died.add(member.name()));
    dead.forEach(cluster::start);
    dead.stream().filter(Member::isController).forEach(cluster::awaitServing);
  }

  /** On a terminal: one line that changes while a round goes on. */
  private void showProgress() {
    Thread.ofPlatform()
        .daemon()
        .start(
            () -> {
              while (true) {
                if (!state.isEmpty()) {
                  System.err.printf("\r\033[K%s: %s\r", state, load.states());
                }
                ChaosCluster.pause(Duration.ofSeconds(1));
              }
            });
  }

  @Override
  public void close() {
    load.close();
    judge.close();
    cluster.close();
  }

  /** Arguments: seed, number of rounds, directory, and text or json. */
  public static void main(String[] args) {
    long seed = Long.parseLong(args[0]);
    int rounds = Integer.parseInt(args[1]);
    Path dir = Path.of(args[2]);
    boolean json = args[3].equals("json");
    int round = 0;
    try (ChaosRounds chaos = new ChaosRounds(seed, dir)) {
      if (Boolean.getBoolean("kilonova.chaos.progress")) {
        chaos.showProgress();
      }
      for (round = 1; round <= rounds; round++) {
        Result result = chaos.play(round);
        System.out.println(json ? result.json(seed) : result.line(seed));
      }
    } catch (AssertionError | RuntimeException e) {
      System.err.printf("round %d of seed %d failed: %s%n", round, seed, e);
      e.printStackTrace();
      System.exit(1);
    }
    System.exit(0);
  }
}
