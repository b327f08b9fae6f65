package org.kilonova.compute.driver.libvirt;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.RequestLog;
import org.libvirt.Connect;
import org.libvirt.Library;
import org.libvirt.LibvirtException;
import org.libvirt.jna.Libvirt;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One connection to libvirt and the one thread that may use it. libvirt keeps its last error for
 * each thread and libvirt-java closes connections from finalizers, so calls and their errors stay
 * on the owner's thread, and what is opened is freed explicitly.
 *
 * <p>Before each call the owner looks whether the connection still lives and opens it anew if not.
 * A call that outlasts its deadline cannot be interrupted (it sits in native code): its owner is
 * given up with it, later calls get a fresh thread and connection, and the old ones clean up after
 * themselves should the call ever come back. Until then the call may still take effect, so nothing
 * else is done to its subject: see {@link #requireIdle}.
 */
final class LibvirtConnection implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(LibvirtConnection.class);

  /** Keepalive: a daemon that does not answer for about 20 s is taken for dead. */
  private static final int KEEPALIVE_SECONDS = 5;

  private static final int KEEPALIVE_COUNT = 3;

  /** So many stuck native calls at once mean that the daemon is beyond help from here. */
  private static final int MAX_STUCK = 8;

  /** Something to do with the connection, on the owner's thread. */
  @FunctionalInterface
  interface Call<T> {
    T on(Connect connect) throws LibvirtException;
  }

  private final String name;
  private final String uri;
  private final List<Owner> stuck = new ArrayList<>();
  private Owner owner;
  private boolean closed;

  LibvirtConnection(String name, String uri) {
    this.name = name;
    this.uri = uri;
  }

  /**
   * Does one call and waits for it.
   *
   * @param what for error messages: "define the domain"
   * @throws DriverException TRANSIENT if libvirt cannot be reached or the deadline passes (the call
   *     may still take effect), otherwise as {@link LibvirtErrors} translates it
   */
  <T> T call(String what, Duration deadline, Call<T> call) {
    return call(this, what, deadline, Kind.TRANSIENT, call);
  }

  /**
   * Does one call about a subject and waits for it.
   *
   * @param otherwise what an error means that says nothing of itself
   */
  <T> T call(Object subject, String what, Duration deadline, Kind otherwise, Call<T> call) {
    Owner current = owner();
    AtomicBoolean begun = new AtomicBoolean();
    String requestId = RequestLog.current();
    Future<T> future;
    try {
      future =
          current.submit(
              () -> {
                begun.set(true);
                current.subject = subject;
                try (RequestLog log = RequestLog.of(requestId)) {
                  return current.run(what, call);
                }
              });
    } catch (RejectedExecutionException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot " + what + ": connection closed", e);
    }
    try {
      return future.get(deadline.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException e) {
      future.cancel(false);
      if (begun.get()) {
        giveUp(current, what);
      }
      throw new DriverException(
          Kind.TRANSIENT,
          "libvirt did not %s within %d s".formatted(what, deadline.toSeconds()),
          e);
    } catch (CancellationException e) {
      throw new DriverException(
          Kind.TRANSIENT, "cannot " + what + ": the connection was given up", e);
    } catch (InterruptedException e) {
      // The call itself goes on; whoever repeats it finds what it did.
      future.cancel(false);
      Thread.currentThread().interrupt();
      throw new DriverException(Kind.TRANSIENT, "interrupted: " + what, e);
    } catch (ExecutionException e) {
      throw e.getCause() instanceof LibvirtException failure
          ? LibvirtErrors.translate(what, otherwise, failure)
          : e.getCause() instanceof DriverException failure
              ? failure
              : new IllegalStateException("cannot " + what, e.getCause());
    }
  }

  /**
   * Refuses a subject that a call hangs on.
   *
   * @throws DriverException TRANSIENT until that call has come to an end
   */
  synchronized void requireIdle(Object subject) {
    stuck.removeIf(Owner::isGone);
    if (stuck.stream().anyMatch(o -> subject.equals(o.subject))) {
      throw new DriverException(
          Kind.TRANSIENT, "an earlier libvirt call for " + subject + " has not ended yet");
    }
  }

  private synchronized Owner owner() {
    if (closed) {
      throw new DriverException(Kind.TRANSIENT, "the libvirt driver is closed");
    }
    stuck.removeIf(Owner::isGone);
    if (stuck.size() >= MAX_STUCK) {
      throw new DriverException(
          Kind.TRANSIENT, stuck.size() + " libvirt calls hang; not starting another");
    }
    if (owner == null) {
      owner = new Owner();
    }
    return owner;
  }

  private synchronized void giveUp(Owner hanging, String what) {
    if (owner == hanging) {
      log.error("libvirt call hangs ({}); going on with a new connection to {}", what, uri);
      owner = null;
      stuck.add(hanging);
      hanging.retire();
    }
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (owner != null) {
      owner.retire();
      owner = null;
    }
  }

  /** A thread and its connection. */
  private final class Owner {
    private final ThreadPoolExecutor thread =
        new ThreadPoolExecutor(
            1,
            1,
            0,
            TimeUnit.SECONDS,
            new LinkedBlockingQueue<>(),
            Thread.ofPlatform().daemon().name("libvirt-" + name).factory());

    /** Only the owner's thread touches it; the field keeps it from the finalizer. */
    private Connect connect;

    private volatile boolean retired;

    /** What the last call was about. */
    private volatile Object subject;

    <T> Future<T> submit(Callable<T> task) {
      return thread.submit(task);
    }

    <T> T run(String what, Call<T> call) throws LibvirtException {
      if (retired) {
        throw new DriverException(Kind.TRANSIENT, "the connection to libvirt was given up");
      }
      Connect open = connected();
      long began = System.nanoTime();
      try {
        return call.on(open);
      } catch (LibvirtException e) {
        if (isAlive()) {
          throw e;
        }
        disconnect();
        throw new DriverException(
            Kind.TRANSIENT, "lost libvirt while trying to " + what + ": " + e.getMessage(), e);
      } finally {
        log.debug("{} took {} ms", what, (System.nanoTime() - began) / 1_000_000);
      }
    }

    private Connect connected() {
      if (connect != null && !isAlive()) {
        log.warn("The connection to {} is dead; opening it again", uri);
        disconnect();
      }
      if (connect == null) {
        EventLoop.ensureRunning();
        try {
          connect = new Connect(uri);
        } catch (LibvirtException e) {
          throw new DriverException(
              Kind.TRANSIENT, "cannot connect to libvirt at " + uri + ": " + e.getMessage(), e);
        }
        try {
          connect.setKeepAlive(KEEPALIVE_SECONDS, KEEPALIVE_COUNT);
        } catch (LibvirtException e) {
          log.debug("{} has no keepalive: {}", uri, e.getMessage());
        }
      }
      return connect;
    }

    private boolean isAlive() {
      try {
        return connect.isAlive();
      } catch (LibvirtException e) {
        return false;
      }
    }

    private void disconnect() {
      try {
        if (connect != null) {
          connect.close();
        }
      } catch (LibvirtException e) {
        log.debug("closing {}: {}", uri, e.getMessage());
      } finally {
        connect = null;
      }
    }

    /** No new calls; those that wait are cancelled; the connection is closed by its own thread. */
    void retire() {
      retired = true;
      List<Runnable> waiting = new ArrayList<>();
      thread.getQueue().drainTo(waiting);
      waiting.forEach(task -> ((FutureTask<?>) task).cancel(false));
      thread.execute(this::disconnect);
      thread.shutdown();
    }

    boolean isGone() {
      return thread.isTerminated();
    }
  }

  /**
   * libvirt's event loop, one for each process. It must be registered and running before the first
   * connection is opened, or keepalive answers are never read and healthy connections break.
   */
  private static final class EventLoop {
    /** Errors come as exceptions; without this libvirt also prints each of them on stderr. */
    private static final Libvirt.VirErrorCallback SILENCE = (userData, error) -> {};

    private static boolean running;

    static synchronized void ensureRunning() {
      if (running) {
        return;
      }
      try {
        Connect.setErrorCallback(SILENCE);
        Library.initEventLoop();
      } catch (LibvirtException e) {
        throw new DriverException(Kind.TRANSIENT, "cannot start libvirt's event loop", e);
      } catch (LinkageError e) {
        throw new DriverException(
            Kind.RETRY_ELSEWHERE,
            "libvirt's client library is missing on this host (Debian's package libvirt0)",
            e);
      }
      Thread.ofPlatform().daemon().name("libvirt-events").start(EventLoop::loop);
      running = true;
    }

    private static void loop() {
      while (true) {
        try {
          Library.runEventLoop();
        } catch (LibvirtException e) {
          log.warn("libvirt's event loop: {}", e.getMessage());
        } catch (InterruptedException e) {
          log.debug("libvirt's event loop does not end before the process does");
        }
      }
    }
  }
}
