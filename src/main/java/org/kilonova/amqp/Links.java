package org.kilonova.amqp;

import java.time.Instant;
import java.time.InstantSource;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** All ways to the broker and how each is: what health and metrics show. Thread safe. */
public final class Links {
  private static final Logger LOG = LoggerFactory.getLogger(Links.class);

  private final Set<Link> links = ConcurrentHashMap.newKeySet();
  private final InstantSource clock;

  Links(InstantSource clock) {
    this.clock = clock;
  }

  /** How a way to the broker is. */
  public enum Condition {
    CONNECTING,
    CONNECTED,
    /** The broker takes no messages on it for now: it is short of memory or disk. */
    BLOCKED,
    /** It will be tried again by itself. */
    DOWN
  }

  /**
   * One's state.
   *
   * @param reason of being blocked or down; else empty
   */
  public record State(String name, Condition condition, String reason, Instant since) {}

  /** Registers one, as connecting. */
  Link add(String name) {
    return add(name, false);
  }

  /** One of many that share their fate: it is not logged. */
  Link addQuietly(String name) {
    return add(name, true);
  }

  private Link add(String name, boolean quiet) {
    Link link = new Link(name, quiet);
    links.add(link);
    return link;
  }

  /** All, by name. */
  public List<State> states() {
    return links.stream().map(l -> l.state).sorted(Comparator.comparing(State::name)).toList();
  }

  /** How many are so. */
  public long count(Condition condition) {
    return links.stream().filter(l -> l.state.condition() == condition).count();
  }

  /** One line: {@code connected}, or which are not and since when. */
  public String summary() {
    List<State> bad = states().stream().filter(s -> s.condition() != Condition.CONNECTED).toList();
    if (bad.isEmpty()) {
      return "connected";
    }
    State first = bad.stream().min(Comparator.comparing(State::since)).orElseThrow();
    return "%s since %s: %s%s (%d of %d connected)"
        .formatted(
            first.condition().name().toLowerCase(java.util.Locale.ROOT),
            first.since(),
            first.name(),
            first.reason().isEmpty() ? "" : ": " + first.reason(),
            links.size() - bad.size(),
            links.size());
  }

  /** One way to the broker. */
  final class Link {
    private final boolean quiet;
    private final CompletableFuture<Void> first = new CompletableFuture<>();
    private volatile State state;

    private Link(String name, boolean quiet) {
      this.quiet = quiet;
      this.state = new State(name, Condition.CONNECTING, "", clock.instant());
    }

    State state() {
      return state;
    }

    void connected() {
      if (change(Condition.CONNECTED, "") && !quiet) {
        LOG.info("{} is connected", state.name());
      }
      first.complete(null);
    }

    /** Completes when it is connected for the first time. */
    CompletableFuture<Void> firstConnected() {
      return first;
    }

    void blocked(String reason) {
      if (change(Condition.BLOCKED, reason) && !quiet) {
        LOG.warn("{} is blocked by the broker: {}", state.name(), reason);
      }
    }

    void down(String reason) {
      if (change(Condition.DOWN, reason) && !quiet) {
        LOG.warn("{} is down, and will be tried again: {}", state.name(), reason);
      }
    }

    /** It is no longer wanted. */
    void remove() {
      links.remove(this);
    }

    /** Whether it is news. */
    private synchronized boolean change(Condition condition, String reason) {
      State old = state;
      if (old.condition() == condition && old.reason().equals(reason)) {
        return false;
      }
      state =
          new State(
              old.name(),
              condition,
              reason,
              old.condition() == condition ? old.since() : clock.instant());
      return true;
    }
  }
}
