package org.kilonova.identity;

import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Revocations as controllers share them: a table that each of them follows. Ids become visible in
 * order (see {@link #record}), so "greater than the last I saw" misses none.
 */
final class SqlRevocations implements Revocations, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SqlRevocations.class);

  /** Any number that no other advisory lock of this database uses. */
  private static final long LOCK = 0x6b696c6f_00000001L;

  /** A list that is older is not trusted: a token may have been revoked that it does not name. */
  private static final Duration STALE_AFTER = Duration.ofSeconds(5);

  private final Jdbi jdbi;
  private final InstantSource clock;
  private final Duration keep;
  private final RevocationList list = new RevocationList();
  private final ScheduledExecutorService poller;
  private volatile Instant freshAt;

  /**
   * Reads what there is and starts to follow.
   *
   * @param keep how long an event matters: the longest life of a token
   */
  SqlRevocations(Jdbi jdbi, InstantSource clock, Duration keep, Duration pollInterval) {
    this.jdbi = jdbi;
    this.clock = clock;
    this.keep = keep.plusMinutes(5);
    refresh();
    prune();
    this.poller =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kilonova-revocations").factory());
    poller.scheduleWithFixedDelay(
        this::poll, pollInterval.toMillis(), pollInterval.toMillis(), TimeUnit.MILLISECONDS);
    poller.scheduleWithFixedDelay(this::pruneQuietly, 10, 10, TimeUnit.MINUTES);
  }

  /**
   * Runs a transaction. With it end the tokens of the subjects that it puts into the list; this
   * process knows that when the method returns.
   */
  <R> R inTransaction(BiFunction<Handle, List<String>, R> work) {
    List<String> subjects = new ArrayList<>();
    R result =
        jdbi.inTransaction(
            h -> {
              R done = work.apply(h, subjects);
              if (!subjects.isEmpty()) {
                record(h, subjects);
              }
              return done;
            });
    if (!subjects.isEmpty()) {
      refresh();
    }
    return result;
  }

  /** As {@link #inTransaction}, without a result. */
  void useTransaction(BiConsumer<Handle, List<String>> work) {
    inTransaction(
        (h, subjects) -> {
          work.accept(h, subjects);
          return null;
        });
  }

  /**
   * Records events in the caller's transaction, which must do nothing after it but commit: the
   * advisory lock makes ids visible in their order.
   */
  void record(Handle handle, Collection<String> subjects) {
    handle.execute("SELECT pg_advisory_xact_lock(?)", LOCK);
    var batch =
        handle.prepareBatch(
            "INSERT INTO identity_revocation (subject, expires_at)"
                + " VALUES (:subject, now() + :keep * interval '1 second')");
    for (String subject : subjects) {
      batch.bind("subject", subject).bind("keep", keep.toSeconds()).add();
    }
    batch.execute();
  }

  @Override
  public long refresh() {
    Instant asked = clock.instant();
    record Event(long id, String subject) {}
    jdbi.withHandle(
            h ->
                h.createQuery(
                        "SELECT id, subject FROM identity_revocation WHERE id > :seen ORDER BY id")
                    .bind("seen", list.revision())
                    .map((rs, ctx) -> new Event(rs.getLong("id"), rs.getString("subject")))
                    .list())
        .forEach(event -> list.apply(event.id(), event.subject()));
    freshAt = asked;
    return list.revision();
  }

  @Override
  public long revision() {
    return list.revision();
  }

  @Override
  public void revoke(String subject) {
    useTransaction((h, subjects) -> subjects.add(subject));
  }

  /**
   * {@inheritDoc}
   *
   * <p>Local, unless polling has failed for a while: then it asks, and fails if it cannot.
   */
  @Override
  public boolean revokes(AuthToken token) {
    if (clock.instant().isAfter(freshAt.plus(STALE_AFTER))) {
      refresh();
    }
    return list.revokes(token);
  }

  private void poll() {
    try {
      refresh();
    } catch (RuntimeException e) {
      log.warn("reading revocations failed: {}", e.getMessage());
    }
  }

  private void pruneQuietly() {
    try {
      prune();
    } catch (RuntimeException e) {
      log.warn("pruning revocations failed: {}", e.getMessage());
    }
  }

  private void prune() {
    jdbi.useHandle(h -> h.execute("DELETE FROM identity_revocation WHERE expires_at < now()"));
    long oldest =
        jdbi.withHandle(
            h ->
                h.createQuery("SELECT coalesce(min(id), 0) FROM identity_revocation")
                    .mapTo(Long.class)
                    .one());
    list.forgetUpTo(oldest - 1);
  }

  @Override
  public void close() {
    poller.shutdownNow();
  }
}
