package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class FileLocksIT {
  @TempDir Path directory;

  /** Run in another process: takes the lock, says so, and holds it until it is killed. */
  public static void main(String[] args) throws Exception {
    try (FileLocks.Held held = new FileLocks(Path.of(args[0])).instance("x")) {
      System.out.println("held");
      new CountDownLatch(1).await();
    }
  }

  @Test
  void only_one_thread_at_a_time_holds_a_lock() throws Exception {
    AtomicInteger inside = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?>[] all = new Future<?>[50];
      for (int i = 0; i < all.length; i++) {
        all[i] =
            threads.submit(
                () -> {
                  // Two objects, as two drivers in one JVM have.
                  try (FileLocks.Held held = new FileLocks(directory).instance("x")) {
                    most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                    LockSupport.parkNanos(100_000);
                    inside.decrementAndGet();
                  }
                });
      }
      for (Future<?> one : all) {
        one.get();
      }
    }
    assertThat(most).hasValue(1);
  }

  @Test
  void a_lock_holds_against_other_processes_until_they_die() throws Exception {
    Process other =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-cp",
                System.getProperty("java.class.path"),
                FileLocksIT.class.getName(),
                directory.toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try (BufferedReader out =
            new BufferedReader(
                new InputStreamReader(other.getInputStream(), StandardCharsets.UTF_8));
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      assertThat(out.readLine()).isEqualTo("held");
      Future<?> waiting =
          threads.submit(
              () -> {
                new FileLocks(directory).instance("x").close();
              });
      org.assertj.core.api.Assertions.assertThatThrownBy(
              () -> waiting.get(300, TimeUnit.MILLISECONDS))
          .isInstanceOf(TimeoutException.class);
      other.destroyForcibly().waitFor();
      waiting.get();
    } finally {
      other.destroyForcibly();
    }
  }
}
