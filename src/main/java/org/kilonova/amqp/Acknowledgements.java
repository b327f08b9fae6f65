package org.kilonova.amqp;

import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import java.io.IOException;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Acknowledges a channel's messages several at a time: a frame for each is a system call here and
 * as much work again at the broker. What is held back for a moment comes again if the process dies
 * in it, as if it had died a moment sooner. Thread safe.
 */
final class Acknowledgements {
  private static final int LONGEST_MS = 5;

  private final Channel channel;
  private final Executor later;

  /** No monitor: telling the broker blocks, and virtual threads wait for it. */
  private final ReentrantLock lock = new ReentrantLock();

  // Guarded by the lock.
  /** Acknowledged, and the broker does not know yet. */
  private final TreeSet<Long> held = new TreeSet<>();

  /** All up to this tag are settled: brokers count from 1. */
  private long settled;

  private final Set<Long> settledAfter = new HashSet<>();
  private int most = 1;
  private boolean scheduled;

  /**
   * Of this channel.
   *
   * @param threads may block
   */
  Acknowledgements(Channel channel, Executor threads) {
    this.channel = channel;
    this.later = CompletableFuture.delayedExecutor(LONGEST_MS, TimeUnit.MILLISECONDS, threads);
  }

  /** So many messages are here at most: half of them may wait. */
  void prefetch(int messages) {
    lock.lock();
    try {
      most = Math.max(1, messages / 2);
    } finally {
      lock.unlock();
    }
  }

  /** The message is done. */
  void ack(long tag) throws IOException {
    lock.lock();
    try {
      settle(tag);
      held.add(tag);
      if (held.size() >= most) {
        tell();
      } else if (!scheduled) {
        scheduled = true;
        later.execute(this::flush);
      }
    } finally {
      lock.unlock();
    }
  }

  /** The message is not, which the broker hears at once. */
  void nack(long tag, boolean requeue) throws IOException {
    lock.lock();
    try {
      settle(tag);
      channel.basicNack(tag, false, requeue);
    } finally {
      lock.unlock();
    }
  }

  /** Holds back no longer. If the channel is gone, the messages come again. */
  void flush() {
    lock.lock();
    try {
      scheduled = false;
      tell();
    } catch (IOException | AlreadyClosedException e) {
      // Whoever uses the channel hears it, too.
    } finally {
      lock.unlock();
    }
  }

  private void settle(long tag) {
    settledAfter.add(tag);
    while (settledAfter.remove(settled + 1)) {
      settled++;
    }
  }

  private void tell() throws IOException {
    Long last = held.floor(settled);
    if (last != null) {
      channel.basicAck(last, true);
    }
    for (long tag : held.tailSet(settled, false)) {
      channel.basicAck(tag, false);
    }
    held.clear();
  }
}
