package org.kilonova.amqp.notify;

import static java.util.stream.Collectors.groupingBy;
import static java.util.stream.Collectors.toList;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.kilonova.amqp.notify.Notification.Form.UNVERSIONED;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializers;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.MetadataChanged;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceTransitions;
import org.kilonova.instance.Walks;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.AdvisoryLock;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.readmodel.JournalReader;
import org.kilonova.readmodel.LeaderActor;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.PostgresExtension;

/** Nothing is lost, and the order is kept for each instance, whatever dies or is away. */
@ExtendWith(PostgresExtension.class)
class NotificationFeedIT {
  private static final ActorTestKit KIT =
      ActorTestKit.create("NotificationFeedIT", LocalAkka.config());
  private static final Serialization SERIALIZATION =
      SerializationExtension.get(Adapter.toClassic(KIT.system()));

  private final Database database;
  private final Database.Settings databaseSettings;
  private final List<Notification> told = new CopyOnWriteArrayList<>();
  private final AtomicReference<Instant> now =
      new AtomicReference<>(Instant.parse("2026-11-21T12:00:00Z"));
  private final InstantSource clock = now::get;
  private final Map<InstanceId, List<InstanceEvent>> journals = new LinkedHashMap<>();

  NotificationFeedIT(Database database, Database.Settings databaseSettings) {
    this.database = database;
    this.databaseSettings = databaseSettings;
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @BeforeEach
  void anEmptyCloud() {
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("TRUNCATE event_journal, instance, notification_audit CASCADE");
              handle.execute("DELETE FROM projection_offset WHERE name = 'notifications'");
              handle.execute("UPDATE projection_offset SET xid = '0', ordering = 0");
            });
  }

  // ---- the journal -----------------------------------------------------------------------------

  @Test
  void onAnOldCloudItBeginsAtTheJournalsEndAndKnowsWhatWasBefore() {
    InstanceId old = write(Walks.lives().get(0));
    int before = Journals.told(journals.get(old)).size();
    NotificationFeed feed = feed(told::addAll);

    feed.begin();
    assertThat(feed.step()).isZero();
    append(old, new MetadataChanged(Map.of("a", "b"), null, now.get()));
    feed.begin(); // another controller starts
    assertThat(feed.step()).isEqualTo(1);

    assertThat(told)
        .isEqualTo(expected(old).subList(before, expected(old).size()))
        .singleElement()
        .satisfies(
            update -> {
              assertThat(update.payload()).containsEntry("state", "active");
              assertThat(update.payload()).containsEntry("metadata", Map.of("a", "b"));
            });
  }

  @Test
  void whatWasBeingWrittenWhenItBeganIsTold() {
    InstanceId id = InstanceId.random();
    NotificationFeed feed = feed(told::addAll);
    database
        .jdbi()
        .useTransaction(
            handle -> {
              write(handle, id, 1, Walks.lives().get(0).get(0));
              feed.begin();
              write(InstanceId.random(), Walks.lives().get(0)); // overtakes it
              assertThat(feed.step()).isZero();
            });

    feed.step();

    assertThat(told.stream().map(NotificationFeedIT::instance)).contains(id.toString());
  }

  @Test
  void whatTheBrokerDidNotConfirmIsToldAgainWithTheSameIds() {
    NotificationFeed feed = feed(failing(told::addAll, 3));
    feed.begin();
    InstanceId id = write(Walks.lives().get(0));

    for (int i = 0; i < 3; i++) {
      assertThatThrownBy(feed::step).hasMessage("the broker is away");
      assertThat(feed.lag().events()).isEqualTo(journals.get(id).size());
    }
    feed.step();

    assertThat(told).isEqualTo(expected(id));
    assertThat(feed.lag()).isEqualTo(NotificationFeed.Lag.NONE);
    assertThat(feed.step()).isZero();
  }

  @Test
  void whoeverDiesBetweenTheBrokersConfirmationAndTheOffsetIsRepeatedAndCanBeTold() {
    NotificationFeed dies =
        feed(
            all -> {
              told.addAll(all);
              throw new IllegalStateException("killed");
            });
    dies.begin();
    InstanceId id = write(Walks.lives().get(0));
    assertThatThrownBy(dies::step).hasMessage("killed");

    feed(told::addAll).step();

    assertThat(told).hasSize(2 * expected(id).size());
    assertThat(told.subList(expected(id).size(), told.size())).isEqualTo(expected(id));
    assertThat(told.subList(0, expected(id).size())).isEqualTo(expected(id));
  }

  @Test
  void aLongBacklogIsWorkedOffInBatches() {
    AtomicInteger largest = new AtomicInteger();
    NotificationFeed feed =
        feed(
            all -> {
              largest.accumulateAndGet(all.size(), Math::max);
              told.addAll(all);
            },
            20,
            Optional.empty());
    feed.begin();
    for (long seed = 1; seed <= 40; seed++) {
      write(Walks.boot(seed));
    }
    long events = journals.values().stream().mapToInt(List::size).sum();
    assertThat(events).isGreaterThan(200);
    now.set(now.get().plus(Duration.ofHours(1)));

    assertThat(feed.step()).isEqualTo(20);
    assertThat(feed.lag().events()).isEqualTo(events - 20);
    assertThat(feed.lag().age()).isPositive();
    while (feed.step() == 20) {
      assertThat(feed.lag().events()).isPositive();
    }

    assertThat(largest.get()).isLessThan(20 * 7);
    assertEverythingIsToldInOrder();
  }

  /** Batches of all sizes, a sink that fails before or after, and processes that die, at random. */
  @Test
  void whateverDiesAllIsToldInTheOrderOfEachInstance() {
    Random random = new Random(4);
    NotificationSink moody =
        all -> {
          double luck = random.nextDouble();
          if (luck < 0.2) {
            throw new IllegalStateException("the broker is away");
          }
          if (luck < 0.3) { // took some of it
            told.addAll(all.subList(0, random.nextInt(all.size() + 1)));
            throw new IllegalStateException("the broker went away");
          }
          told.addAll(all);
          if (luck < 0.4) {
            throw new IllegalStateException("killed");
          }
        };
    NotificationFeed feed = feed(moody, 7, Optional.empty());
    feed.begin();
    List<List<InstanceEvent>> lives =
        LongStream.rangeClosed(100, 130).mapToObj(Walks::boot).toList();
    Map<InstanceId, Integer> written = new LinkedHashMap<>();
    lives.forEach(life -> written.put(InstanceId.random(), 0));
    List<InstanceId> ids = List.copyOf(written.keySet());
    int left = lives.stream().mapToInt(List::size).sum();
    while (left > 0) {
      int which = random.nextInt(ids.size());
      int next = written.get(ids.get(which));
      if (next < lives.get(which).size()) {
        append(ids.get(which), lives.get(which).get(next));
        written.put(ids.get(which), next + 1);
        left--;
      }
      if (random.nextInt(4) == 0) {
        try {
          feed.step();
        } catch (IllegalStateException e) {
          feed = random.nextBoolean() ? feed : feed(moody, 1 + random.nextInt(9), Optional.empty());
        }
      }
    }
    NotificationFeed last = feed(told::addAll);
    last.step();
    while (last.step() > 0) {
      assertThat(told).isNotEmpty();
    }

    assertEverythingIsToldInOrder();
  }

  @Test
  void ofTwoThatTellAtOnceOneStepsBackAndNothingIsLost() {
    NotificationFeed one = feed(told::addAll);
    NotificationFeed other = feed(told::addAll);
    one.begin();
    write(Walks.lives().get(0));
    one.step();
    other.step();
    write(Walks.boot(3));
    one.step();
    write(Walks.boot(4));
    assertThatThrownBy(other::step).hasMessageContaining("another controller");
    other.step();

    assertEverythingIsToldInOrder();
  }

  // ---- audits ----------------------------------------------------------------------------------

  @Test
  void afterEachPeriodThatEndedEachInstanceThatLivedInItIsToldOnce() {
    NotificationFeed feed = feed(told::addAll, 3, AuditPeriod.parse("", "hour"));
    feed.begin();
    audit(feed);
    Set<String> alive = Set.of(launched("12:10", null), launched("11:00", null));
    String gone = launched("12:05", "12:20");
    launched("11:05", "11:59"); // not in the period

    now.set(Instant.parse("2026-11-21T13:00:10Z"));
    audit(feed);
    assertThat(told).as("what was under way may not be written yet").isEmpty();
    now.set(Instant.parse("2026-11-21T13:00:21Z"));
    audit(feed);
    audit(feed);
    assertThat(existing("13:00")).containsExactlyInAnyOrder(with(alive, gone));

    launched("14:10", null);
    now.set(Instant.parse("2026-11-21T14:30:00Z"));
    audit(feed);
    assertThat(existing("14:00")).containsExactlyInAnyOrder(with(alive));
    assertThat(told).hasSize(5);
  }

  @Test
  void anAuditThatAProcessDiedInIsGoneOnWithByTheNextOneAndMissedPeriodsAreMadeUpFor() {
    Optional<AuditPeriod> hourly = AuditPeriod.parse("", "hour");
    NotificationFeed first = feed(told::addAll, 2, hourly);
    first.begin();
    audit(first);
    String[] all = new String[7];
    for (int i = 0; i < all.length; i++) {
      all[i] = launched("12:10", null);
    }
    now.set(Instant.parse("2026-11-21T15:30:00Z"));
    NotificationFeed dies = feed(failing(told::addAll, 1), 2, hourly);
    dies.step();
    assertThatThrownBy(dies::audit).hasMessage("the broker is away");
    NotificationFeed next = feed(told::addAll, 2, hourly);
    next.step();
    assertThat(next.audit()).isTrue(); // and this one dies, too

    NotificationFeed last = feed(told::addAll, 2, hourly);
    audit(last);

    for (String hour : List.of("13:00", "14:00", "15:00")) {
      assertThat(existing(hour)).containsExactlyInAnyOrder(all);
    }
    assertThat(told).hasSize(21);
  }

  @Test
  void anAuditWaitsForTheReadModel() {
    NotificationFeed feed = feed(told::addAll, 50, AuditPeriod.parse("", "hour"));
    feed.begin();
    audit(feed);
    write(Walks.lives().get(0));
    now.set(Instant.parse("2026-11-21T13:10:00Z"));
    String[] lives = {launched("12:10", null)};
    told.clear();
    audit(feed);
    assertThat(existing("13:00")).as("events are not projected yet").isEmpty();

    database
        .jdbi()
        .useHandle(
            handle ->
                handle.execute(
                    "UPDATE projection_offset SET (xid, ordering) ="
                        + " (SELECT xid, ordering FROM event_journal ORDER BY 1 DESC, 2 DESC LIMIT 1)"
                        + " WHERE name = 'instance'"));
    audit(feed);
    assertThat(existing("13:00")).containsExactly(lives);
  }

  // ---- the actor -------------------------------------------------------------------------------

  @Test
  void anotherControllerGoesOnWhereTheOneThatToldDied() {
    ExecutorService blocking = Executors.newVirtualThreadPerTaskExecutor();
    List<ActorRef<LeaderActor.Command>> controllers = new ArrayList<>();
    AtomicInteger broken = new AtomicInteger();
    for (int i = 0; i < 2; i++) {
      controllers.add(
          KIT.spawn(
              LeaderActor.create(
                  new LeaderActor.Setup(
                      "the feed",
                      feed(failing(told::addAll, broken)),
                      () -> new AdvisoryLock(databaseSettings, "test-feed", 4711),
                      blocking,
                      Duration.ofMillis(10),
                      Duration.ofMillis(250),
                      leads -> {}))));
      KIT.createTestProbe().awaitAssert(Duration.ofSeconds(5), this::begun);
    }
    write(Walks.boot(1));
    awaitEverything();
    broken.set(3);
    write(Walks.boot(2));
    KIT.stop(controllers.get(0));
    write(Walks.boot(3));

    awaitEverything();
    KIT.stop(controllers.get(1));
    assertEverythingIsToldInOrder();
  }

  private Void begun() {
    assertThat(new SqlFeedStore(database.jdbi(), new JournalReader(SERIALIZATION)).offset())
        .isNotNull();
    return null;
  }

  private void awaitEverything() {
    KIT.createTestProbe()
        .awaitAssert(
            Duration.ofSeconds(20),
            () -> {
              assertThat(told.stream().map(Notification::messageId).distinct())
                  .hasSize(journals.keySet().stream().mapToInt(id -> expected(id).size()).sum());
              return null;
            });
  }

  // ---- how -------------------------------------------------------------------------------------

  private NotificationFeed feed(NotificationSink sink) {
    return feed(sink, 200, Optional.empty());
  }

  private NotificationFeed feed(NotificationSink sink, int batch, Optional<AuditPeriod> audit) {
    return new NotificationFeed(
        new SqlFeedStore(database.jdbi(), new JournalReader(SERIALIZATION)),
        sink,
        new NotificationSettings(
            Set.of(UNVERSIONED), "controller-1", "http://image.example:9292", audit, batch),
        clock);
  }

  private static NotificationSink failing(NotificationSink sink, int times) {
    return failing(sink, new AtomicInteger(times));
  }

  private static NotificationSink failing(NotificationSink sink, AtomicInteger times) {
    return all -> {
      if (times.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
        throw new IllegalStateException("the broker is away");
      }
      sink.publish(all);
    };
  }

  /** As the actor does: first the journal, then audits while there is more. */
  private static void audit(NotificationFeed feed) {
    while (feed.step() > 0 || feed.audit()) {
      assertThat(feed).isNotNull();
    }
  }

  /** Repetitions apart, what was told of an instance is what its journal means, in its order. */
  private void assertEverythingIsToldInOrder() {
    Map<String, Notification> first = new LinkedHashMap<>();
    told.forEach(n -> first.putIfAbsent(n.messageId(), n));
    Map<String, List<Notification>> byInstance =
        first.values().stream().collect(groupingBy(NotificationFeedIT::instance, toList()));
    journals
        .keySet()
        .forEach(id -> assertThat(byInstance.get(id.toString())).isEqualTo(expected(id)));
  }

  private List<Notification> expected(InstanceId id) {
    return Journals.told(journals.get(id));
  }

  private static String instance(Notification told) {
    Map<?, ?> payload = told.payload();
    return (String)
        (payload.get("request_spec") instanceof Map<?, ?> spec
            ? ((Map<?, ?>) spec.get("instance_properties")).get("uuid")
            : payload.get("instance_id"));
  }

  private List<String> existing(String end) {
    return told.stream()
        .filter(n -> n.eventType().equals("compute.instance.exists"))
        .filter(n -> ((String) n.payload().get("audit_period_ending")).endsWith(end + ":00"))
        .map(NotificationFeedIT::instance)
        .toList();
  }

  private static String[] with(Set<String> some, String... more) {
    List<String> all = new ArrayList<>(some);
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  /** A row of the read model; times of the day. */
  private String launched(String launched, String terminated) {
    InstanceId id = InstanceId.random();
    InstanceState state = new InstanceState.Absent();
    for (InstanceEvent event : Walks.lives().get(0)) {
      state = InstanceTransitions.apply(state, of(id, event));
    }
    InstanceRow row = new InstanceRow((Present) state, 6);
    database
        .jdbi()
        .useHandle(
            handle -> {
              InstanceRows.upsert(handle, List.of(row));
              handle
                  .createUpdate(
                      "UPDATE instance SET launched_at = CAST(:launched AS timestamptz),"
                          + " terminated_at = CAST(:terminated AS timestamptz) WHERE uuid = :id")
                  .bind("launched", "2026-11-21T" + launched + "Z")
                  .bind("terminated", terminated == null ? null : "2026-11-21T" + terminated + "Z")
                  .bind("id", id.uuid())
                  .execute();
            });
    return id.toString();
  }

  private InstanceId write(List<InstanceEvent> events) {
    InstanceId id = InstanceId.random();
    write(id, events);
    return id;
  }

  private void write(InstanceId id, List<InstanceEvent> events) {
    events.forEach(event -> append(id, event));
  }

  /** In a transaction of its own, as the journal does. */
  private void append(InstanceId id, InstanceEvent event) {
    List<InstanceEvent> journal = journals.computeIfAbsent(id, i -> new ArrayList<>());
    journal.add(of(id, event));
    database.jdbi().useHandle(handle -> write(handle, id, journal.size(), event));
  }

  private static void write(Handle handle, InstanceId id, int number, InstanceEvent event) {
    InstanceEvent mine = of(id, event);
    var serializer = SERIALIZATION.findSerializerFor(mine);
    handle
        .createUpdate(
            """
            INSERT INTO event_journal (persistence_id, sequence_number, writer, write_timestamp,
              event_ser_id, event_ser_manifest, event_payload)
            VALUES (:pid, :number, 'w', 0, :serializer, :manifest, :payload)
            """)
        .bind("pid", "Instance|" + id)
        .bind("number", number)
        .bind("serializer", serializer.identifier())
        .bind("manifest", Serializers.manifestFor(serializer, mine))
        .bind("payload", serializer.toBinary(mine))
        .execute();
  }

  private static final Map<InstanceId, InstanceRequested> REQUESTS = new HashMap<>();

  /** The walks' instances have ids of their own: this one's instead. */
  private static InstanceEvent of(InstanceId id, InstanceEvent event) {
    return event instanceof InstanceRequested e
        ? REQUESTS.computeIfAbsent(id, i -> Walks.withId(e, i))
        : event;
  }
}
