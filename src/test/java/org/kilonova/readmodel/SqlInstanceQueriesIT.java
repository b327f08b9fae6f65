package org.kilonova.readmodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceState.Stopped;
import org.kilonova.instance.Lock;
import org.kilonova.instance.Placement;
import org.kilonova.instance.Task;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceQueries.BadPatternException;
import org.kilonova.readmodel.InstanceQueries.MarkerNotFoundException;
import org.kilonova.readmodel.InstanceQueries.Page;
import org.kilonova.readmodel.InstanceQuery.Address;
import org.kilonova.readmodel.InstanceQuery.ChangedBefore;
import org.kilonova.readmodel.InstanceQuery.ChangedSince;
import org.kilonova.readmodel.InstanceQuery.Condition;
import org.kilonova.readmodel.InstanceQuery.Field;
import org.kilonova.readmodel.InstanceQuery.In;
import org.kilonova.readmodel.InstanceQuery.InStates;
import org.kilonova.readmodel.InstanceQuery.Matches;
import org.kilonova.readmodel.InstanceQuery.Sort;
import org.kilonova.readmodel.InstanceQuery.StatePattern;
import org.kilonova.readmodel.InstanceQuery.TagMode;
import org.kilonova.readmodel.InstanceQuery.Tags;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class SqlInstanceQueriesIT {
  private static final Instant T0 = Instant.parse("2026-01-02T03:04:05Z");
  private static final Condition LIVE = new InstanceQuery.Deleted(false);
  private static final List<Sort> NEWEST_FIRST = List.of(new Sort(Field.CREATED_AT, true));

  private final Database database;
  private final SqlInstanceQueries queries;

  SqlInstanceQueriesIT(Database database) {
    this.database = database;
    this.queries = new SqlInstanceQueries(database.jdbi(), 500);
  }

  @BeforeEach
  void empty() {
    database.jdbi().useHandle(handle -> handle.execute("TRUNCATE instance"));
  }

  // ---- rows ------------------------------------------------------------------------------------

  private static Instance instance(String name, String project, Instant created) {
    InstanceSpec spec =
        new InstanceSpec(
            InstanceId.random(),
            7,
            name,
            name,
            null,
            project,
            "u1",
            new FlavorSpec("f1", "tiny", 1, 64, 1, 0, 0, 1.0, Map.of()),
            new ImageSpec("i1", "i", "ami", "ami", "c", 1, 0, 0, "k1", "r1", Map.of()),
            "key",
            null,
            Map.of("k", "v"),
            List.of(),
            false,
            List.of("default"),
            List.of(),
            null,
            null,
            null,
            null,
            "r-1",
            0,
            "pw",
            Map.of(),
            "AUTO",
            null,
            null,
            List.of(),
            null,
            null,
            "/dev/vda",
            created);
    return Instance.requested(spec, "req-1", created);
  }

  private InstanceId put(Present state, long revision) {
    database
        .jdbi()
        .useHandle(
            handle -> InstanceRows.upsert(handle, List.of(new InstanceRow(state, revision))));
    return state.instance().id();
  }

  private InstanceId put(Instance instance) {
    return put(new Active(instance, null), 1);
  }

  private void putAll(List<Instance> instances) {
    database
        .jdbi()
        .useTransaction(
            handle ->
                InstanceRows.upsert(
                    handle,
                    instances.stream().map(i -> new InstanceRow(new Active(i, null), 1)).toList()));
  }

  private List<String> names(Condition... conditions) {
    return queries
        .list(
            new InstanceQuery(
                List.of(conditions), List.of(new Sort(Field.NAME, false)), null, 1000))
        .rows()
        .stream()
        .map(row -> row.state().instance().name())
        .toList();
  }

  /** All pages, as a client reads them. */
  private List<InstanceRow> pages(List<Condition> conditions, List<Sort> sorts, int limit) {
    List<InstanceRow> all = new ArrayList<>();
    String marker = null;
    do {
      Page page = queries.list(new InstanceQuery(conditions, sorts, marker, limit));
      all.addAll(page.rows());
      marker = page.nextMarker() == null ? null : page.nextMarker().toString();
    } while (marker != null);
    return all;
  }

  // ---- one -------------------------------------------------------------------------------------

  @Test
  void aRowIsReadAsItWasWrittenAlsoAfterItChanged() {
    Instance before = instance("a", "p1", T0);
    InstanceId id = put(new Active(before, null), 3);
    assertThat(queries.find(id)).contains(new InstanceRow(new Active(before, null), 3));
    assertThat(queries.find(id)).contains(new InstanceRow(new Active(before, null), 3));
    Instance after = before.edit(T0.plusSeconds(1)).lock(new Lock("owner", "r")).done();
    put(new Stopped(after, null), 4);
    assertThat(queries.find(id)).contains(new InstanceRow(new Stopped(after, null), 4));
    assertThat(queries.find(InstanceId.random())).isEmpty();
  }

  @Test
  void aDeletedInstanceIsFoundButNotListed() {
    InstanceId id = put(new Deleted(instance("a", "p1", T0)), 9);
    assertThat(queries.find(id)).isPresent();
    assertThat(names(LIVE)).isEmpty();
    assertThat(names(new InstanceQuery.Deleted(true))).containsExactly("a");
    assertThat(names()).containsExactly("a");
  }

  @Test
  void aListShowsTheNewStateOfARowThatItHasShownBefore() {
    Instance instance = instance("a", "p1", T0);
    put(new Active(instance, null), 1);
    assertThat(names(LIVE)).containsExactly("a");
    Instance renamed =
        instance
            .edit(T0.plusSeconds(1))
            .details(new org.kilonova.instance.InstanceDetails("b", null, "b", null, null, "AUTO"))
            .done();
    put(new Active(renamed, null), 2);
    assertThat(names(LIVE)).containsExactly("b");
  }

  // ---- conditions ------------------------------------------------------------------------------

  @Test
  void conditionsSelect() {
    Instance a = instance("alpha.1", "p1", T0);
    put(
        new Active(
            a.edit(T0.plusSeconds(10))
                .tags(List.of("blue", "red"))
                .nics(List.of(nic("10.0.0.4", "fe80::4")))
                .placement(new Placement(new HostId("h1"), "n1.example.org", "z1", Attempt.FIRST))
                .launchedAt(T0.plusSeconds(5))
                .done(),
            new Task(5, TaskKind.REBOOTING, T0)),
        5);
    Instance b = instance("beta", "p2", T0.plusSeconds(1));
    put(
        new Stopped(
            b.edit(T0.plusSeconds(20))
                .tags(List.of("red"))
                .nics(List.of(nic("10.0.1.5")))
                .lock(new Lock("admin", null))
                .done(),
            null),
        5);

    assertThat(names(new In(Field.PROJECT_ID, List.of("p1")))).containsExactly("alpha.1");
    assertThat(names(new In(Field.PROJECT_ID, List.of("p1", "p2")))).hasSize(2);
    assertThat(names(new In(Field.PROJECT_ID, List.of()))).isEmpty();
    assertThat(names(new In(Field.UUID, List.of(b.id().toString())))).containsExactly("beta");
    assertThat(names(new In(Field.UUID, List.of("no uuid")))).isEmpty();
    assertThat(names(new In(Field.LOCKED, List.of("true")))).containsExactly("beta");
    assertThat(names(new In(Field.HOST, List.of("h1")))).containsExactly("alpha.1");
    assertThat(names(new Matches(Field.NAME, "^a.*1$"))).containsExactly("alpha.1");
    assertThat(names(new Matches(Field.NAME, "et"))).containsExactly("beta");
    assertThat(names(new Matches(Field.NODE, "example"))).containsExactly("alpha.1");
    assertThat(names(new Matches(Field.LOCKED_BY, "admin"))).containsExactly("beta");
    assertThat(names(new Matches(Field.LAUNCHED_AT, "^2026-01-02T03:04:10Z")))
        .containsExactly("alpha.1");
    assertThat(names(new Matches(Field.ROOT_DEVICE_NAME, "vda"))).hasSize(2);
    assertThat(names(new Matches(Field.AUTO_DISK_CONFIG, "1"))).hasSize(2);
    assertThat(names(new Address(4, "10.0.0"))).containsExactly("alpha.1");
    assertThat(names(new Address(6, "fe80"))).containsExactly("alpha.1");
    assertThat(names(new Address(4, "fe80"))).isEmpty();
    assertThat(names(new Tags(TagMode.ALL, List.of("red", "blue")))).containsExactly("alpha.1");
    assertThat(names(new Tags(TagMode.ANY, List.of("red", "green")))).hasSize(2);
    assertThat(names(new Tags(TagMode.NOT_ALL, List.of("red", "blue")))).containsExactly("beta");
    assertThat(names(new Tags(TagMode.NOT_ANY, List.of("blue")))).containsExactly("beta");
    assertThat(names(new ChangedSince(T0.plusSeconds(11)))).containsExactly("beta");
    assertThat(names(new ChangedBefore(T0.plusSeconds(10)))).containsExactly("alpha.1");
    assertThat(names(new InStates(List.of(new StatePattern("active", Set.of("rebooting"), false)))))
        .containsExactly("alpha.1");
    assertThat(names(new InStates(List.of(new StatePattern("active", Set.of("rebooting"), true)))))
        .isEmpty();
    assertThat(
            names(
                new InStates(
                    List.of(
                        new StatePattern("stopped", Set.of("rebuilding"), true),
                        new StatePattern("active", Set.of("rebooting"), false)))))
        .hasSize(2);
    assertThat(names(new InStates(List.of()))).isEmpty();
    assertThat(names(new In(Field.PROJECT_ID, List.of("p1")), new Matches(Field.NAME, "beta")))
        .isEmpty();
  }

  @ParameterizedTest
  @EnumSource(Field.class)
  void everyFieldCanBeComparedAndSortedBy(Field field) {
    Instance one = instance("a", "p1", T0);
    put(one);
    put(instance("b", "p1", T0.plusSeconds(1)));
    assertThat(names(new Matches(field, "no such text"))).isEmpty();
    assertThat(names(new In(field, List.of("no such text")))).isEmpty();
    for (boolean descending : new boolean[] {true, false}) {
      assertThat(pages(List.of(LIVE), List.of(new Sort(field, descending)), 1)).hasSize(2);
    }
  }

  @Test
  void aBadPatternIsToldAsSuch() {
    put(instance("a", "p1", T0));
    // Java takes it, PostgreSQL does not.
    assertThatThrownBy(() -> names(new Matches(Field.NAME, "(?<x>a)")))
        .isInstanceOf(BadPatternException.class);
  }

  private static Nic nic(String... addresses) {
    return new Nic(
        UUID.randomUUID().toString(),
        "n",
        "net",
        "fa:16:3e:00:00:01",
        List.of(addresses),
        "br0",
        "10.0.0.0/16",
        null,
        List.of(),
        1500);
  }

  // ---- pages -----------------------------------------------------------------------------------

  @Test
  void theMarkerMustBeTheCallersButMayBeGone() {
    InstanceId mine = put(instance("mine", "p1", T0));
    put(instance("older", "p1", T0.minusSeconds(1)));
    InstanceId gone = put(new Deleted(instance("gone", "p1", T0.plusSeconds(1))), 9);
    InstanceId theirs = put(instance("theirs", "p2", T0));
    List<Condition> own = List.of(new In(Field.PROJECT_ID, List.of("p1")), LIVE);
    assertThat(queries.list(new InstanceQuery(own, NEWEST_FIRST, mine.toString(), 10)).rows())
        .hasSize(1);
    assertThat(queries.list(new InstanceQuery(own, NEWEST_FIRST, gone.toString(), 10)).rows())
        .hasSize(2);
    for (String marker : List.of(theirs.toString(), UUID.randomUUID().toString(), "nonsense")) {
      assertThatThrownBy(() -> queries.list(new InstanceQuery(own, NEWEST_FIRST, marker, 10)))
          .isInstanceOf(MarkerNotFoundException.class)
          .hasMessage("marker [" + marker + "] not found");
    }
  }

  @Test
  void pagesOfAnySizeAndOrderHaveEveryRowOnceInOrder() {
    Random random = new Random(42);
    List<Instance> instances = new ArrayList<>();
    for (int i = 0; i < 3_000; i++) {
      // many equal names and times: the order among equals must hold as well
      Instance instance =
          instance("n" + random.nextInt(20), "p1", T0.plusSeconds(random.nextInt(50)));
      instances.add(
          random.nextBoolean()
              ? instance.edit(T0).launchedAt(T0.plusSeconds(random.nextInt(9))).done()
              : instance);
    }
    putAll(instances);
    List<List<Sort>> orders =
        List.of(
            NEWEST_FIRST,
            List.of(new Sort(Field.NAME, false), new Sort(Field.CREATED_AT, true)),
            List.of(new Sort(Field.LAUNCHED_AT, true)),
            List.of(new Sort(Field.LAUNCHED_AT, false), new Sort(Field.NAME, false)),
            List.of(new Sort(Field.HOST, false)));
    for (List<Sort> order : orders) {
      for (int limit : new int[] {7, 1000}) {
        List<InstanceRow> all = pages(List.of(LIVE), order, limit);
        assertThat(all.stream().map(r -> r.state().instance().id()).distinct().count())
            .as("%s by %d", order, limit)
            .isEqualTo(3_000);
        assertThat(all).hasSize(3_000);
      }
    }
    assertThat(pages(List.of(LIVE), NEWEST_FIRST, 100))
        .extracting(r -> r.state().instance().createdAt())
        .isSortedAccordingTo(Comparator.<Instant>naturalOrder().reversed());
    assertThat(pages(List.of(LIVE), orders.get(1), 100))
        .extracting(r -> r.state().instance().name())
        .isSorted();
  }

  /** A client takes an empty page for the end of the list. */
  @Test
  @Timeout(120)
  void aPageIsNeverEmptyWhileThereIsAnyRow() throws Exception {
    List<Instance> instances =
        IntStream.range(0, 1_500).mapToObj(i -> instance("s", "p1", T0.plusSeconds(i))).toList();
    putAll(instances);
    Thread writer =
        Thread.ofVirtual()
            .start(
                () -> {
                  for (int i = instances.size() - 1; i > 0; i--) {
                    put(new Deleted(instances.get(i)), 2);
                  }
                });
    InstanceQuery newest = new InstanceQuery(List.of(LIVE), NEWEST_FIRST, null, 1);
    while (writer.isAlive()) {
      assertThat(queries.list(newest).rows()).hasSize(1);
    }
    writer.join();
    assertThat(queries.list(newest).rows())
        .extracting(row -> row.state().instance().id())
        .containsExactly(instances.getFirst().id());
  }

  @Test
  @Timeout(120)
  void pagesStayWholeWhileRowsComeAndGo() throws Exception {
    List<Instance> lasting =
        IntStream.range(0, 2_000).mapToObj(i -> instance("s", "p1", T0.plusSeconds(i))).toList();
    putAll(lasting);
    Set<InstanceId> expected = new HashSet<>();
    lasting.forEach(i -> expected.add(i.id()));
    Set<InstanceId> deleted = ConcurrentHashMap.newKeySet();
    AtomicBoolean stop = new AtomicBoolean();
    Thread writer =
        Thread.ofVirtual()
            .start(
                () -> {
                  Random random = new Random(7);
                  while (!stop.get()) {
                    Instance guest = instance("guest", "p1", T0.plusSeconds(random.nextInt(2_000)));
                    put(guest);
                    Instance changed = lasting.get(random.nextInt(lasting.size()));
                    put(
                        new Stopped(changed.edit(T0.plusSeconds(5_000)).done(), null),
                        2 + random.nextInt(1_000_000));
                    put(new Deleted(guest), 2);
                    deleted.add(guest.id());
                  }
                });
    try {
      for (int round = 0; round < 5; round++) {
        Set<InstanceId> goneBefore = Set.copyOf(deleted);
        List<InstanceId> seen =
            pages(List.of(new In(Field.PROJECT_ID, List.of("p1")), LIVE), NEWEST_FIRST, 50).stream()
                .map(r -> r.state().instance().id())
                .toList();
        assertThat(new HashSet<>(seen)).as("nothing twice").hasSize(seen.size());
        assertThat(seen).as("nothing is missed").containsAll(expected);
        assertThat(seen).as("nothing that was gone").noneMatch(goneBefore::contains);
      }
    } finally {
      stop.set(true);
      writer.join();
    }
    assertThat(deleted).as("the writer was at work").hasSizeGreaterThan(20);
  }

  @Test
  void aPageOfAHundredOfManyIsCheap(TestReporter reporter) {
    List<Instance> instances = new ArrayList<>();
    for (int i = 0; i < 20_000; i++) {
      instances.add(instance("n" + i, "p" + i % 4, T0.plusSeconds(i)));
    }
    putAll(instances);
    database.jdbi().useHandle(handle -> handle.execute("ANALYZE instance"));
    List<Condition> own = List.of(new In(Field.PROJECT_ID, List.of("p1")), LIVE);
    String deep = pages(own, NEWEST_FIRST, 1000).get(4_000).state().instance().id().toString();
    for (String marker : new String[] {null, deep}) {
      InstanceQuery query = new InstanceQuery(own, NEWEST_FIRST, marker, 100);
      for (int i = 0; i < 200; i++) {
        queries.list(query);
      }
      long start = System.nanoTime();
      for (int i = 0; i < 500; i++) {
        assertThat(queries.list(query).rows()).hasSize(100);
      }
      Duration each = Duration.ofNanos(System.nanoTime() - start).dividedBy(500);
      reporter.publishEntry(
          (marker == null ? "first" : "deep") + " page of 100 of 20,000", each.toString());
      assertThat(each).isLessThan(Duration.ofMillis(20));
    }
  }
}
