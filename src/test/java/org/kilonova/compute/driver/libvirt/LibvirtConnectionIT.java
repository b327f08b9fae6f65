package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.RequestLog;
import org.libvirt.Connect;
import org.libvirt.LibvirtException;

/**
 * The connection's owner, with libvirt's built-in test driver: real calls, no daemon, no guests.
 */
@Timeout(60)
class LibvirtConnectionIT {
  private static final Duration LONG = Duration.ofSeconds(20);

  private final LibvirtConnection connection = new LibvirtConnection("test", "test:///default");

  @AfterEach
  void close() {
    connection.close();
  }

  private static Kind kindOf(Throwable e) {
    return ((DriverException) e).kind();
  }

  @Test
  void all_calls_run_on_one_thread_and_connection() {
    AtomicReference<Connect> first = new AtomicReference<>();
    String thread =
        connection.call(
            "look",
            LONG,
            c -> {
              first.set(c);
              return Thread.currentThread().getName();
            });
    for (int i = 0; i < 10; i++) {
      connection.call(
          "look again",
          LONG,
          c -> {
            // Not isSameAs: a Connect cannot be printed without a call to libvirt.
            assertThat(System.identityHashCode(c)).isEqualTo(System.identityHashCode(first.get()));
            assertThat(Thread.currentThread().getName()).isEqualTo(thread);
            return null;
          });
    }
    assertThat(thread).isEqualTo("libvirt-test");
  }

  @Test
  void a_call_logs_under_the_request_of_its_caller() {
    try (RequestLog log = RequestLog.of("req-1")) {
      assertThat(connection.<String>call("look", LONG, c -> RequestLog.current()))
          .isEqualTo("req-1");
    }
    assertThat(connection.<Boolean>call("look", LONG, c -> RequestLog.current() == null)).isTrue();
  }

  @Test
  void a_dead_connection_is_opened_again_before_the_next_call() {
    Connect dead = connection.call("open", LONG, c -> c);
    connection.call("end the connection behind the owner's back", LONG, Connect::close);
    assertThat(connection.<String>call("use", LONG, Connect::getType)).isEqualTo("TEST");
    int now = connection.call("look", LONG, System::identityHashCode);
    assertThat(now).isNotEqualTo(System.identityHashCode(dead));
  }

  @Test
  void a_missing_domain_is_not_found() {
    assertThatThrownBy(
            () ->
                connection.call(
                    "look", LONG, c -> c.domainLookupByUUID(UUID.randomUUID()).getName()))
        .satisfies(e -> assertThat(kindOf(e)).isEqualTo(Kind.NOT_FOUND));
  }

  @Test
  void a_broken_definition_aborts() {
    assertThatThrownBy(() -> connection.call("define", LONG, c -> c.domainDefineXML("<domain")))
        .satisfies(e -> assertThat(kindOf(e)).isEqualTo(Kind.ABORT));
  }

  @Test
  void an_unreachable_daemon_is_transient() {
    try (LibvirtConnection nowhere =
        new LibvirtConnection("nowhere", "qemu+unix:///system?socket=/nonexistent")) {
      assertThatThrownBy(() -> nowhere.call("look", LONG, Connect::numOfDomains))
          .satisfies(e -> assertThat(kindOf(e)).isEqualTo(Kind.TRANSIENT))
          .hasMessageContaining("cannot connect to libvirt at qemu+unix:///system");
    }
  }

  @Test
  void a_call_that_hangs_costs_its_deadline_and_later_calls_go_on() throws Exception {
    CountDownLatch hang = new CountDownLatch(1);
    CountDownLatch hanging = new CountDownLatch(1);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Throwable> stuck =
          threads.submit(
              () ->
                  org.assertj.core.api.Assertions.catchThrowable(
                      () ->
                          connection.call(
                              "hang",
                              Duration.ofMillis(500),
                              c -> {
                                hanging.countDown();
                                uninterruptibly(hang);
                                return null;
                              })));
      hanging.await();
      Future<Throwable> behind =
          threads.submit(
              () ->
                  org.assertj.core.api.Assertions.catchThrowable(
                      () -> connection.call("wait behind it", LONG, Connect::numOfDomains)));
      assertThat(kindOf(stuck.get())).isEqualTo(Kind.TRANSIENT);
      // Either it was cancelled with the hanging one, or it came late enough for the new owner.
      Throwable waited = behind.get();
      assertThat(waited == null || kindOf(waited) == Kind.TRANSIENT).isTrue();
      assertThat(connection.<String>call("go on", LONG, Connect::getType)).isEqualTo("TEST");
    } finally {
      hang.countDown();
    }
  }

  @Test
  void nothing_is_done_to_a_subject_before_the_call_that_hangs_on_it_has_ended() throws Exception {
    CountDownLatch hang = new CountDownLatch(1);
    CountDownLatch ended = new CountDownLatch(1);
    assertThatThrownBy(
            () ->
                connection.call(
                    "guest-1",
                    "hang",
                    Duration.ofMillis(300),
                    Kind.RETRY_ELSEWHERE,
                    c -> {
                      uninterruptibly(hang);
                      ended.countDown();
                      return null;
                    }))
        .satisfies(e -> assertThat(kindOf(e)).isEqualTo(Kind.TRANSIENT));
    connection.requireIdle("guest-2");
    assertThatThrownBy(() -> connection.requireIdle("guest-1"))
        .satisfies(e -> assertThat(kindOf(e)).isEqualTo(Kind.TRANSIENT));
    hang.countDown();
    ended.await();
    RealHypervisor.await(
        "the given up owner is gone",
        LONG,
        () ->
            org.assertj.core.api.Assertions.catchThrowable(() -> connection.requireIdle("guest-1"))
                == null);
  }

  @Test
  void a_closed_connection_takes_no_calls() {
    connection.close();
    assertThatThrownBy(() -> connection.call("look", LONG, Connect::numOfDomains))
        .satisfies(e -> assertThat(kindOf(e)).isEqualTo(Kind.TRANSIENT));
  }

  /** As native code does. */
  private static void uninterruptibly(CountDownLatch latch) throws LibvirtException {
    boolean done = false;
    while (!done) {
      try {
        latch.await();
        done = true;
      } catch (InterruptedException e) {
        // native code would not notice
      }
    }
  }
}
