package org.kilonova.quota;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.persistence.Database;
import org.kilonova.quota.Quotas.QuotaExceededException;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class SqlQuotasIT {
  private static final Resources SMALL = new Resources(2, 2048, 20);
  private static final Map<String, Integer> NO_USE = Map.of("instances", 0, "cores", 0, "ram", 0);

  private final Database database;
  private final SqlQuotas quotas;
  private final String project = UUID.randomUUID().toString();
  private Instant now = Instant.parse("2026-11-21T12:00:00Z");

  SqlQuotasIT(Database database) {
    this.database = database;
    this.quotas = quotas(database);
  }

  private SqlQuotas quotas(Database on) {
    return new SqlQuotas(on, QuotaPolicy.NOVA_DEFAULTS, () -> now);
  }

  private static List<InstanceId> ids(int count) {
    return Stream.generate(InstanceId::random).limit(count).toList();
  }

  private List<Integer> reserve(List<InstanceId> ids, int min) {
    return quotas.reserveInstances(project, "user", ids, min, SMALL, now.plusSeconds(60));
  }

  private void limit(String resource, int limit) {
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "INSERT INTO quota_limit (project_id, resource, hard_limit) VALUES (?, ?, ?)",
                    project,
                    resource,
                    limit));
  }

  private void userLimit(String user, String resource, int limit) {
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "INSERT INTO quota_user_limit (project_id, user_id, resource, hard_limit)"
                        + " VALUES (?, ?, ?, ?)",
                    project,
                    user,
                    resource,
                    limit));
  }

  private List<Integer> reserve(String user, List<InstanceId> ids, int min) {
    return quotas.reserveInstances(project, user, ids, min, SMALL, now.plusSeconds(60));
  }

  private static Map<String, Integer> use(int instances) {
    return Map.of("instances", instances, "cores", 2 * instances, "ram", 2048 * instances);
  }

  @Test
  void aClaimCountsAndItsReleaseCountsOnce() {
    List<InstanceId> ids = ids(2);

    List<Integer> numbers = reserve(ids, 2);

    assertThat(numbers).hasSize(2).doesNotHaveDuplicates();
    assertThat(quotas.usage(project)).isEqualTo(use(2));
    quotas.releaseInstance(ids.get(0));
    quotas.releaseInstance(ids.get(0));
    assertThat(quotas.usage(project)).isEqualTo(use(1));
    quotas.releaseInstance(InstanceId.random());
    assertThat(quotas.usage(project)).isEqualTo(use(1));
  }

  @Test
  void aRepeatedReservationGetsTheSameNumbersAndCountsOnce() {
    List<InstanceId> ids = ids(10);

    List<Integer> numbers = reserve(ids, 1);

    assertThat(reserve(ids, 1)).isEqualTo(numbers);
    assertThat(quotas.usage(project)).isEqualTo(use(10));
  }

  @Test
  void asManyAsFitAreReservedAndBelowTheMinimumNone() {
    assertThat(reserve(ids(8), 1)).hasSize(8);

    assertThatThrownBy(() -> reserve(ids(4), 3))
        .isInstanceOf(QuotaExceededException.class)
        .hasMessage(
            "Quota exceeded for cores, instances: Requested 8, 3-4,"
                + " but already used 16, 8 of 20, 10 cores, instances");
    assertThat(quotas.usage(project)).isEqualTo(use(8));
    assertThat(reserve(ids(4), 2)).hasSize(2);
    assertThat(quotas.usage(project)).isEqualTo(use(10));
  }

  @Test
  void aUsersOwnLimitHoldsForHisInstancesAndTheProjectsForAll() {
    userLimit("user", "instances", 3);
    userLimit("greedy", "instances", 99);
    List<InstanceId> his = ids(5);
    assertThat(reserve("user", his, 1)).hasSize(3);
    assertThat(quotas.usage(project, "user")).isEqualTo(use(3));
    assertThatThrownBy(() -> reserve("user", ids(1), 1))
        .hasMessage("Quota exceeded for instances: Requested 1, but already used 3 of 3 instances");
    assertThat(reserve("greedy", ids(20), 1)).hasSize(7);
    assertThatThrownBy(() -> reserve("other", ids(1), 1))
        .hasMessage(
            "Quota exceeded for cores, instances: Requested 2, 1, but already used 20, 10 of 20,"
                + " 10 cores, instances");
    quotas.releaseInstance(his.getFirst());
    quotas.releaseInstance(his.getFirst());
    assertThat(quotas.usage(project, "user")).isEqualTo(use(2));
    assertThat(reserve("user", ids(2), 1)).hasSize(1);
    assertThat(quotas.usage(project, "greedy")).isEqualTo(use(7));
  }

  @Test
  void aUsersLimitHoldsHoweverManyOfHisRequestsComeAtOnce() throws Exception {
    limit("instances", 100);
    limit("cores", -1);
    limit("ram", -1);
    userLimit("user", "instances", 7);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 40; i++) {
        String user = i % 2 == 0 ? "user" : "other";
        threads.submit(() -> reserve(user, ids(1), 1));
      }
    }
    assertThat(quotas.usage(project, "user")).isEqualTo(use(7));
    assertThat(quotas.usage(project, "other")).isEqualTo(use(20));
    assertThat(quotas.usage(project)).isEqualTo(use(27));
  }

  @Test
  void limitsForAUserAreTheProjectsOrHisIfTheyAreLess() {
    limit("key_pairs", 50);
    limit("injected_files", -1);
    userLimit("user", "key_pairs", 60);
    userLimit("user", "cores", 5);
    userLimit("user", "injected_files", 2);
    userLimit("user", "ram", -1);
    assertThat(quotas.limits(project, "user"))
        .containsEntry("key_pairs", 50)
        .containsEntry("cores", 5)
        .containsEntry("injected_files", 2)
        .containsEntry("ram", 50 * 1024)
        .hasSize(10);
    assertThat(quotas.limits(project, "other")).isEqualTo(quotas.limits(project));
  }

  @Test
  void aProjectsOwnLimitGoesBeforeTheClasssAndThatBeforeTheConfigured() {
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "INSERT INTO quota_class (class_name, resource, hard_limit) VALUES"
                        + " ('default', 'key_pairs', 7), ('default', 'server_groups', 8)"));
    limit("server_groups", 9);

    assertThat(quotas.limits(project))
        .containsEntry("key_pairs", 7)
        .containsEntry("server_groups", 9)
        .containsEntry("instances", 10)
        .hasSize(10);
  }

  @Test
  void aReleaseInARolledBackTransactionDidNotHappen() {
    InstanceId id = InstanceId.random();
    reserve(List.of(id), 1);

    database
        .jdbi()
        .useTransaction(
            handle -> {
              quotas.releaseInstance(handle, id);
              handle.rollback();
            });

    assertThat(quotas.usage(project)).isEqualTo(use(1));
  }

  @Test
  void aClaimThatNobodyCameForLapsesOnceItsTimeAndTheMarginAreOver() {
    reserve(ids(3), 3);

    now = now.plusSeconds(60).plus(SqlQuotas.LAPSE_MARGIN);
    assertThat(quotas.lapse()).isZero();
    now = now.plusMillis(1);
    assertThat(quotas.lapse()).isEqualTo(3);
    assertThat(quotas.lapse()).isZero();
    assertThat(quotas.usage(project)).isEqualTo(NO_USE);
  }

  @Test
  void aClaimThatIsAskedForAgainLivesLonger() {
    List<InstanceId> ids = ids(2);
    reserve(ids, 2);
    now = now.plusSeconds(60).plus(SqlQuotas.LAPSE_MARGIN);
    reserve(ids, 2);

    now = now.plusSeconds(59);
    assertThat(quotas.lapse()).isZero();
    assertThat(quotas.usage(project)).isEqualTo(use(2));
  }

  @Test
  void aClaimWhoseInstanceHasAnEventNeverLapses() {
    List<InstanceId> ids = ids(2);
    reserve(ids, 2);
    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "INSERT INTO event_journal (persistence_id, sequence_number, writer,"
                        + " event_ser_id, event_ser_manifest, event_payload)"
                        + " VALUES (?, 1, 'w', 1, '', '')",
                    "Instance|" + ids.get(0)));

    now = now.plus(Duration.ofDays(1));

    assertThat(quotas.lapse()).isEqualTo(1);
    assertThat(quotas.usage(project)).isEqualTo(use(1));
    quotas.releaseInstance(ids.get(0));
    assertThat(quotas.usage(project)).isEqualTo(NO_USE);
  }

  @Test
  void repairFindsNothingUnlessSomebodyMeddled() {
    reserve(ids(3), 3);
    assertThat(quotas.repair(project)).isFalse();

    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "UPDATE quota_usage SET instances = 99, cores = 0 WHERE project_id = ?",
                    project));

    assertThat(quotas.repair(project)).isTrue();
    assertThat(quotas.usage(project)).isEqualTo(use(3));
  }

  @Test
  void aLimitHoldsHoweverManyReserveAndReleaseAtOnceOnTwoNodes(
      Database.Settings settings, TestReporter reporter) throws Exception {
    int threadCount = 8;
    int rounds = 200;
    limit("instances", 5);
    limit("cores", -1);
    limit("ram", -1);
    try (Database otherPool = Database.open(settings);
        ExecutorService threads = Executors.newFixedThreadPool(threadCount)) {
      List<SqlQuotas> nodes = List.of(quotas, quotas(otherPool));
      ConcurrentLinkedQueue<Integer> numbers = new ConcurrentLinkedQueue<>();
      ConcurrentLinkedQueue<Integer> seen = new ConcurrentLinkedQueue<>();
      Callable<List<InstanceId>> client =
          () -> {
            List<InstanceId> kept = new ArrayList<>();
            for (int round = 0; round < rounds; round++) {
              SqlQuotas node = nodes.get(round % 2);
              List<InstanceId> ids = ids(1 + round % 3);
              try {
                List<Integer> granted =
                    node.reserveInstances(project, "user", ids, 1, SMALL, now.plusSeconds(60));
                numbers.addAll(granted);
                kept.addAll(ids.subList(0, granted.size()));
                seen.add(node.usage(project).get("instances"));
              } catch (QuotaExceededException full) {
                // both nodes release the same claims at once: each must count once
                kept.parallelStream().forEach(id -> nodes.forEach(n -> n.releaseInstance(id)));
                kept.clear();
              }
            }
            return kept;
          };
      long start = System.nanoTime();
      List<InstanceId> left = new ArrayList<>();
      for (Future<List<InstanceId>> kept :
          threads.invokeAll(IntStream.range(0, threadCount).mapToObj(i -> client).toList())) {
        left.addAll(kept.get());
      }
      reporter.publishEntry(
          "calls/s",
          Long.toString(1_000_000_000L * threadCount * rounds / (System.nanoTime() - start)));

      assertThat(seen).isNotEmpty().allMatch(inUse -> inUse <= 5);
      assertThat(numbers).doesNotHaveDuplicates();
      assertThat(quotas.usage(project)).isEqualTo(use(left.size()));
      assertThat(quotas.repair(project)).isFalse();
      left.forEach(quotas::releaseInstance);
      assertThat(quotas.usage(project)).isEqualTo(NO_USE);
    }
  }

  @Test
  void oneProjectReservesHundredsASecond(TestReporter reporter) throws Exception {
    int threadCount = 8;
    int each = 250;
    for (String resource : List.of("instances", "cores", "ram")) {
      limit(resource, -1);
    }
    Callable<Void> client =
        () -> {
          for (int i = 0; i < each; i++) {
            reserve(ids(1), 1);
          }
          return null;
        };
    try (ExecutorService threads = Executors.newFixedThreadPool(threadCount)) {
      long start = System.nanoTime();
      for (Future<Void> done :
          threads.invokeAll(IntStream.range(0, threadCount).mapToObj(i -> client).toList())) {
        done.get();
      }
      long perSecond = 1_000_000_000L * threadCount * each / (System.nanoTime() - start);
      reporter.publishEntry("reservations/s", Long.toString(perSecond));
      assertThat(perSecond).isGreaterThan(100);
      assertThat(quotas.usage(project)).isEqualTo(use(threadCount * each));
    }
  }

  @BeforeEach
  void noClaimsOfOtherTests() {
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("TRUNCATE quota_claim, quota_usage, quota_limit, quota_class");
            });
  }
}
