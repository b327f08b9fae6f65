package org.kilonova.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLTransientConnectionException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class GroupCommitTest {
  /** Holds the first transaction open until so many callers have queued behind it. */
  private static final class Gate {
    private final CountDownLatch firstRuns = new CountDownLatch(1);
    private final CountDownLatch open = new CountDownLatch(1);
    private final AtomicInteger transactions = new AtomicInteger();

    void pass() {
      if (transactions.getAndIncrement() == 0) {
        firstRuns.countDown();
        try {
          open.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
    }
  }

  private static <T> List<Future<T>> behindTheFirst(
      ExecutorService threads, Gate gate, List<Callable<T>> calls) throws Exception {
    List<Future<T>> futures = new ArrayList<>();
    futures.add(threads.submit(calls.getFirst()));
    gate.firstRuns.await();
    List<Thread> waiting = new ArrayList<>();
    for (Callable<T> call : calls.subList(1, calls.size())) {
      CountDownLatch running = new CountDownLatch(1);
      futures.add(
          threads.submit(
              () -> {
                synchronized (waiting) {
                  waiting.add(Thread.currentThread());
                }
                running.countDown();
                return call.call();
              }));
      running.await();
    }
    while (true) {
      synchronized (waiting) {
        if (waiting.stream().allMatch(t -> t.getState() == Thread.State.WAITING)) {
          break;
        }
      }
      Thread.onSpinWait();
    }
    gate.open.countDown();
    return futures;
  }

  @Test
  void whoComesWhileATransactionRunsSharesTheNextOne() throws Exception {
    Gate gate = new Gate();
    List<Integer> sizes = new ArrayList<>();
    GroupCommit<Integer, Integer> commit =
        new GroupCommit<>(
            64,
            items -> {
              gate.pass();
              sizes.add(items.size());
              return items.stream().map(i -> 10 * i).toList();
            });
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Callable<Integer>> calls =
          IntStream.range(0, 9).mapToObj(i -> (Callable<Integer>) () -> commit.write(i)).toList();
      List<Future<Integer>> results = behindTheFirst(threads, gate, calls);
      for (int i = 0; i < results.size(); i++) {
        assertThat(results.get(i).get()).as("each gets its own result").isEqualTo(10 * i);
      }
    }
    assertThat(sizes).containsExactly(1, 8);
  }

  @Test
  void anItemThatCannotBeWrittenFailsAlone() throws Exception {
    Gate gate = new Gate();
    List<Integer> written = new ArrayList<>();
    GroupCommit<Integer, Integer> commit =
        new GroupCommit<>(
            64,
            items -> {
              gate.pass();
              if (items.contains(3)) {
                throw new IllegalArgumentException("3 cannot be written");
              }
              written.addAll(items);
              return items;
            });
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Callable<Integer>> calls =
          IntStream.range(0, 6).mapToObj(i -> (Callable<Integer>) () -> commit.write(i)).toList();
      List<Future<Integer>> results = behindTheFirst(threads, gate, calls);
      for (int i = 0; i < results.size(); i++) {
        if (i == 3) {
          assertThatThrownBy(results.get(3)::get)
              .isInstanceOf(ExecutionException.class)
              .hasRootCauseMessage("3 cannot be written");
        } else {
          assertThat(results.get(i).get()).isEqualTo(i);
        }
      }
    }
    assertThat(written).containsExactlyInAnyOrder(0, 1, 2, 4, 5);
  }

  @Test
  void whenTheDatabaseIsAwayNobodyWaitsForTheOthersTimeouts() throws Exception {
    Gate gate = new Gate();
    GroupCommit<Integer, Integer> commit =
        new GroupCommit<>(
            64,
            items -> {
              gate.pass();
              throw new IllegalStateException(new SQLTransientConnectionException("no answer"));
            });
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Callable<Integer>> calls =
          IntStream.range(0, 6).mapToObj(i -> (Callable<Integer>) () -> commit.write(i)).toList();
      for (Future<Integer> result : behindTheFirst(threads, gate, calls)) {
        assertThatThrownBy(result::get).hasRootCauseMessage("no answer");
      }
    }
    assertThat(gate.transactions).as("the first, and one for the rest").hasValue(2);
  }

  @Test
  void noTransactionIsLargerThanTheMaximum() throws Exception {
    Gate gate = new Gate();
    List<Integer> sizes = new ArrayList<>();
    GroupCommit<Integer, Integer> commit =
        new GroupCommit<>(
            4,
            items -> {
              gate.pass();
              sizes.add(items.size());
              return items;
            });
    try (ExecutorService threads = Executors.newCachedThreadPool()) {
      List<Callable<Integer>> calls =
          IntStream.range(0, 11).mapToObj(i -> (Callable<Integer>) () -> commit.write(i)).toList();
      for (Future<Integer> result : behindTheFirst(threads, gate, calls)) {
        result.get();
      }
    }
    assertThat(sizes).containsExactly(1, 4, 4, 2);
  }
}
