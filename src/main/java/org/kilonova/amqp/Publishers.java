package org.kilonova.amqp;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * Several publishing connections; what goes to one place goes through one, so it stays in order.
 */
final class Publishers implements AutoCloseable {
  private final List<Publisher> all;

  Publishers(List<Publisher> all) {
    this.all = List.copyOf(all);
  }

  /** As {@link Publisher#publish}. */
  CompletableFuture<Void> publish(Publisher.Outgoing outgoing, Duration patience) {
    int hash = outgoing.to().key().hashCode() + outgoing.to().exchange().name().hashCode();
    return all.get(Math.floorMod(hash, all.size())).publish(outgoing, patience);
  }

  @Override
  public void close() {
    all.forEach(Publisher::close);
  }
}
