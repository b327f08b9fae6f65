package org.kilonova.amqp.notify;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.amqp.notify.AuditPeriod.Bounds;
import org.kilonova.amqp.notify.SqlFeedStore.Audit;
import org.kilonova.instance.InstanceEvent.CleanupDone;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.LruMap;
import org.kilonova.readmodel.JournalReader.Offset;
import org.kilonova.readmodel.JournalReader.Tailed;
import org.kilonova.readmodel.LeaderActor;

/**
 * Tells what the journal says to a {@link NotificationSink}: at least once, and in order for an
 * instance. The offset follows the broker's confirmation, so whatever dies, and however long the
 * broker is away, what was not confirmed is told (again); a batch at a time, so the backlog is the
 * journal and never the memory.
 *
 * <p>Who tells holds a lock of its own in the database: not always the controller that projects the
 * journal, so a slow broker is no matter of the read model. Two that tell for a moment do no harm:
 * some is told twice.
 *
 * <p>Blocks; one thread at a time, but {@link #lag()} is for any.
 */
public final class NotificationFeed implements LeaderActor.Work {
  /**
   * How far it is behind.
   *
   * @param events that are not told yet, up to 100,000; of a moment ago
   * @param age of the oldest of them
   */
  public record Lag(long events, Duration age) {
    /** Of those who do not tell. */
    public static final Lag NONE = new Lag(0, Duration.ZERO);
  }

  private record Behind(long events, Instant oldest) {}

  private static final int CACHE = 2_000;
  private static final int MOST_COUNTED = 100_000;
  private static final Duration COUNTED_AGAIN = Duration.ofSeconds(5);

  /** What was begun before a period's end is in the journal so long after it. */
  private static final Duration SETTLED = Duration.ofSeconds(20);

  private final SqlFeedStore store;
  private final NotificationSink sink;
  private final NotificationSettings settings;
  private final InstanceNotifications notifications;
  private final InstantSource clock;

  /** Instances as they were at the offset, the least recently changed given up first. */
  private final Map<InstanceId, Told> cache = new LruMap<>(CACHE);

  /** Null: to be read. */
  private Offset offset;

  /** No audit is due before; null: to be read. */
  private Instant auditDue;

  private Instant counted = Instant.MIN;
  private volatile Behind behind;

  public NotificationFeed(
      SqlFeedStore store,
      NotificationSink sink,
      NotificationSettings settings,
      InstantSource clock) {
    this.store = store;
    this.sink = sink;
    this.settings = settings;
    this.notifications = new InstanceNotifications(settings);
    this.clock = clock;
  }

  /**
   * On a cloud that never told notifications: begins at the journal's end. To be called as early as
   * possible, by every controller; else it does nothing.
   */
  @Override
  public void begin() {
    store.begin();
  }

  /** Another one may have told since: forgets all that is in the memory. */
  @Override
  public void forget() {
    offset = null;
    auditDue = null;
    behind = null;
    cache.clear();
  }

  public Lag lag() {
    Behind now = behind;
    return now == null
        ? Lag.NONE
        : new Lag(now.events(), Duration.between(now.oldest(), clock.instant()));
  }

  /** Tells the next batch, of what the journal says or else of what an audit's period says. */
  @Override
  public boolean proceed() {
    return step() >= settings.batchSize() || audit();
  }

  /**
   * Tells the next batch.
   *
   * @return how many events; less than the batch size means that all is told for now
   * @throws RuntimeException if the broker or the database cannot be reached; nothing is lost
   */
  public int step() {
    if (offset == null) {
      offset = store.offset();
    }
    List<Tailed> events = store.next(offset, settings.batchSize());
    if (events.isEmpty()) {
      behind = null;
      return 0;
    }
    boolean more = events.size() >= settings.batchSize();
    try {
      tell(events);
    } catch (RuntimeException e) {
      countBehind(events.getFirst());
      throw e;
    }
    if (more) {
      countBehind(events.getLast());
    } else {
      behind = null;
    }
    return events.size();
  }

  private void tell(List<Tailed> events) {
    Map<InstanceId, Told> now = new LinkedHashMap<>();
    List<Notification> all = new ArrayList<>();
    for (Tailed tailed : events) {
      Told before = before(tailed, now);
      if (before == null) {
        continue;
      }
      Told after = before.then(tailed.recorded());
      all.addAll(notifications.of(before, tailed.recorded().event(), after));
      now.put(tailed.id(), after);
    }
    if (!all.isEmpty()) {
      sink.publish(all);
    }
    Offset told = events.getLast().offset();
    try {
      store.advance(offset, told);
    } catch (RuntimeException e) {
      forget(); // it may be moved all the same, or by another one
      throw e;
    }
    offset = told;
    now.forEach(
        (id, state) -> {
          if (state.state() instanceof Deleted) {
            cache.remove(id);
          } else {
            cache.put(id, state);
          }
        });
  }

  /** The instance before an event; null if the event means nothing. */
  private Told before(Tailed tailed, Map<InstanceId, Told> now) {
    long upTo = tailed.recorded().sequenceNumber() - 1;
    Told known = now.containsKey(tailed.id()) ? now.get(tailed.id()) : cache.get(tailed.id());
    if (known != null && known.revision() == upTo) {
      return known;
    }
    if (upTo == 0) {
      return Told.NOTHING;
    }
    if (tailed.recorded().event() instanceof CleanupDone) {
      cache.remove(tailed.id());
      return null; // mostly of the deleted: not worth a look at their history
    }
    return store.history(tailed.id(), upTo);
  }

  private void countBehind(Tailed first) {
    Instant now = clock.instant();
    Behind before = behind;
    long events = before == null ? 1 : before.events();
    if (before == null || !now.isBefore(counted.plus(COUNTED_AGAIN))) {
      counted = now;
      try {
        events = offset == null ? events : store.behind(offset, MOST_COUNTED);
      } catch (RuntimeException e) {
        // the figure stays as it was: what went wrong is told by whoever is asked next
      }
    }
    behind = new Behind(events, first.recorded().event().at());
  }

  /**
   * Tells a batch of {@code compute.instance.exists}, if a period has ended. To be called when
   * {@link #step} has told all: so nothing that an instance did in the period is told after it.
   *
   * @return whether there is more to tell at once
   */
  public boolean audit() {
    Instant now = clock.instant();
    if (settings.audit().isEmpty()
        || offset == null
        || (auditDue != null && now.isBefore(auditDue))) {
      return false;
    }
    AuditPeriod periods = settings.audit().get();
    Audit audit = store.audit().orElse(null);
    if (audit == null) {
      // Switched on for the first time: the period that is under way is the first to be told.
      audit = new Audit(periods.lastCompleted(now).end(), Audit.NONE, true);
      store.audit(audit);
    }
    if (audit.done()) {
      Bounds next = periods.after(audit.periodEnd());
      auditDue = next.end().plus(SETTLED);
      if (now.isBefore(auditDue) || !store.readModelKnows(offset)) {
        return false;
      }
      audit = new Audit(next.end(), Audit.NONE, false);
      store.audit(audit);
    }
    auditDue = null;
    Bounds period = periods.lastCompleted(audit.periodEnd());
    List<Present> lived = store.lived(period, audit.toldUpTo(), settings.batchSize());
    List<Notification> all = new ArrayList<>();
    lived.forEach(state -> all.addAll(notifications.exists(state, period)));
    if (!all.isEmpty()) {
      sink.publish(all);
    }
    boolean done = lived.size() < settings.batchSize();
    store.audit(
        new Audit(
            period.end(),
            lived.isEmpty() ? audit.toldUpTo() : lived.getLast().instance().id().uuid(),
            done));
    return true; // or another period has ended meanwhile
  }
}
