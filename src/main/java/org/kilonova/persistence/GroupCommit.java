package org.kilonova.persistence;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;

/**
 * Puts what many callers want written at the same moment into one transaction. While one
 * transaction runs, the next callers queue; whoever comes next to the lock writes for all of them.
 * So a lone caller waits for nobody, and a crowd pays for one commit instead of one each. For any
 * thread that may block.
 *
 * @param <T> what is to be written
 * @param <R> what the caller learns of it
 */
public final class GroupCommit<T, R> {
  private final int max;
  private final Function<List<T>, List<R>> transaction;
  private final Queue<Pending<T, R>> queue = new ConcurrentLinkedQueue<>();
  private final ReentrantLock lock = new ReentrantLock();

  private static final class Pending<T, R> {
    final T item;
    boolean done;
    R result;
    RuntimeException failure;

    Pending(T item) {
      this.item = item;
    }
  }

  /**
   * Writes through {@code transaction}.
   *
   * @param max items of one transaction
   * @param transaction writes all items or none, and answers with a result for each, in order
   */
  public GroupCommit(int max, Function<List<T>, List<R>> transaction) {
    this.max = max;
    this.transaction = transaction;
  }

  /**
   * Returns when the item is committed.
   *
   * @throws RuntimeException what the transaction threw. An item that cannot be written fails
   *     alone: the others of its transaction are tried again one by one, unless the database was
   *     away
   */
  public R write(T item) {
    Pending<T, R> mine = new Pending<>(item);
    queue.add(mine);
    lock.lock();
    try {
      while (!mine.done) {
        List<Pending<T, R>> group = next();
        if (!run(group)) {
          group.forEach(one -> run(List.of(one)));
        }
      }
    } finally {
      lock.unlock();
    }
    if (mine.failure != null) {
      throw mine.failure;
    }
    return mine.result;
  }

  private List<Pending<T, R>> next() {
    List<Pending<T, R>> group = new ArrayList<>();
    while (group.size() < max) {
      Pending<T, R> pending = queue.poll();
      if (pending == null) {
        break;
      }
      group.add(pending);
    }
    return group;
  }

  /**
   * One transaction.
   *
   * @return false if it has to be tried again with each item alone
   */
  private boolean run(List<Pending<T, R>> group) {
    try {
      List<R> results = transaction.apply(group.stream().map(p -> p.item).toList());
      for (int i = 0; i < group.size(); i++) {
        group.get(i).result = results.get(i);
        group.get(i).done = true;
      }
      return true;
    } catch (RuntimeException e) {
      if (group.size() > 1 && !isUnavailable(e)) {
        return false;
      }
      for (Pending<T, R> pending : group) {
        pending.failure = e;
        pending.done = true;
      }
      return true;
    }
  }

  private static boolean isUnavailable(Throwable failure) {
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (Database.isUnavailable(cause)) {
        return true;
      }
    }
    return false;
  }
}
