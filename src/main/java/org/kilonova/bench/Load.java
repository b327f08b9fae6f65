package org.kilonova.bench;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntPredicate;

/** Some threads that ask as fast as they are answered, each over a connection of its own. */
final class Load {
  /** One request, or several that make one. */
  interface Operation {
    /** The index is that of the operation, not of the thread. */
    void run(Cloud.Connection connection, int index) throws IOException;
  }

  /** What came of it. */
  record Result(double seconds, Latencies latencies) {}

  private final Cloud cloud;
  private final int concurrency;

  Load(Cloud cloud, int concurrency) {
    this.cloud = cloud;
    this.concurrency = concurrency;
  }

  /**
   * So many operations.
   *
   * @throws BenchException if any of them failed, once all have ended
   */
  Result times(int count, Operation operation) {
    return run(index -> index < count, operation);
  }

  /** As many operations as fit into the time. */
  Result during(Duration time, Operation operation) {
    long end = System.nanoTime() + time.toNanos();
    return run(index -> System.nanoTime() - end < 0, operation);
  }

  private Result run(IntPredicate goesOn, Operation operation) {
    AtomicInteger next = new AtomicInteger();
    List<Worker> workers = new ArrayList<>();
    for (int i = 0; i < concurrency; i++) {
      workers.add(new Worker(next, goesOn, operation));
    }
    long begun = System.nanoTime();
    workers.forEach(Thread::start);
    workers.forEach(Load::join);
    double seconds = (System.nanoTime() - begun) / 1e9;
    int errors = workers.stream().mapToInt(worker -> worker.errors).sum();
    if (errors > 0) {
      Exception first =
          workers.stream()
              .map(worker -> worker.firstError)
              .filter(e -> e != null)
              .findFirst()
              .get();
      throw new BenchException(
          errors + " of " + next.get() + " requests failed; one of them: " + first.getMessage(),
          first);
    }
    return new Result(
        seconds, new Latencies(workers.stream().flatMapToLong(worker -> worker.nanos()).toArray()));
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException();
    }
  }

  private final class Worker extends Thread {
    private final AtomicInteger next;
    private final IntPredicate goesOn;
    private final Operation operation;
    private long[] nanos = new long[1024];
    private int count;
    private int errors;
    private Exception firstError;

    Worker(AtomicInteger next, IntPredicate goesOn, Operation operation) {
      super("load");
      this.next = next;
      this.goesOn = goesOn;
      this.operation = operation;
    }

    @Override
    public void run() {
      try (Cloud.Connection connection = cloud.connect()) {
        int index;
        while (goesOn.test(index = next.getAndIncrement())) {
          long begun = System.nanoTime();
          try {
            operation.run(connection, index);
          } catch (IOException | RuntimeException e) {
            errors++;
            firstError = firstError == null ? e : firstError;
            continue;
          }
          if (count == nanos.length) {
            nanos = Arrays.copyOf(nanos, count * 2);
          }
          nanos[count++] = System.nanoTime() - begun;
        }
      }
    }

    java.util.stream.LongStream nanos() {
      return Arrays.stream(nanos, 0, count);
    }
  }

  /** Something that goes on at a steady rate beside what is measured, until it is closed. */
  static final class Steady extends Thread implements AutoCloseable {
    private final Cloud cloud;
    private final Duration interval;
    private final Operation operation;
    private volatile boolean closed;
    private volatile Exception error;
    private int done;

    /** Begins at once. */
    Steady(Cloud cloud, double perSecond, Operation operation) {
      super("steady load");
      this.cloud = cloud;
      this.interval = Duration.ofNanos((long) (1e9 / perSecond));
      this.operation = operation;
      start();
    }

    @Override
    public void run() {
      try (Cloud.Connection connection = cloud.connect()) {
        long due = System.nanoTime();
        while (!closed) {
          operation.run(connection, done++);
          due += interval.toNanos();
          // behind schedule it does not wait, and so catches up
          LockSupport.parkNanos(due - System.nanoTime());
        }
      } catch (IOException | RuntimeException e) {
        error = e;
      }
    }

    /**
     * Ends it.
     *
     * @throws BenchException if any of its operations failed
     */
    @Override
    public void close() {
      closed = true;
      Load.join(this);
      if (error != null) {
        throw new BenchException("a write failed: " + error.getMessage(), error);
      }
    }
  }
}
