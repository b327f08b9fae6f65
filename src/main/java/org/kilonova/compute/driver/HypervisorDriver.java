package org.kilonova.compute.driver;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/**
 * What a compute host's agent asks of its hypervisor: the counterpart of {@code
 * nova/virt/driver.py}.
 *
 * <p>All methods block; the agent calls them on a bulkhead dispatcher with a deadline each, and
 * never two at once for the same instance. Calls for different instances may run at once, so a
 * driver is thread safe. A driver touches only domains whose metadata names this cloud and this
 * host (see {@link DomainInfo#ownership}); all others it only reports.
 *
 * <p>The hypervisor is the agent's durable memory: a driver keeps nothing in the process that it
 * could not rebuild from the domain list after {@code kill -9}. Every method is idempotent in the
 * sense its comment gives, because each may be repeated after a crash at any point inside it.
 *
 * <p>Errors are {@link DriverException}s: {@link DriverException.Kind#RETRY_ELSEWHERE} makes the
 * instance try another host, {@link DriverException.Kind#ABORT} fails it (broken image, bad
 * request), {@link DriverException.Kind#TRANSIENT} is repeated here. Implementations never import
 * Akka or each other.
 */
public interface HypervisorDriver extends AutoCloseable {
  /** What this host has in all. Cheap enough to be asked once a minute. */
  HostCapabilities capabilities();

  /** What is used of this host now, by domains of anybody. */
  HostUsage usage();

  /** All domains of this hypervisor, ours and others', in any state. */
  List<DomainInfo> listDomains();

  /** The domain with this uuid, ours or not, if there is one. */
  Optional<DomainInfo> find(InstanceId id);

  /**
   * What dead calls left of instances of this cloud and host that have no domain: files and network
   * entries whose attempt is known. {@link #destroy} with that attempt removes them. A call of
   * {@link #spawnPaused} that is under way shows up here too until its domain is defined, so ask
   * the instance before you destroy anything.
   */
  default List<Leftover> leftovers() {
    return List.of();
  }

  /**
   * Something of an instance without a domain.
   *
   * @param id whose it is
   * @param attempt which attempt made it
   */
  record Leftover(InstanceId id, Attempt attempt) {}

  /**
   * Makes disks, network devices and the domain, and starts it <b>paused</b>: no guest instruction
   * has run when this returns. Idempotent by (id, attempt): a domain of the same attempt is adopted
   * whatever step an earlier call died in; what is left of a lower attempt is discarded first.
   *
   * @param progress is told each step's name, for logs and tests
   *     <p>When it throws RETRY_ELSEWHERE or ABORT it has removed what it had made (as far as it
   *     could; {@link #destroy} does the rest). After TRANSIENT, and when the process dies, what
   *     was made stays and is found again by the next call, {@link #listDomains} or {@link
   *     #leftovers}.
   * @throws DriverException with kind STALE if a domain of a higher attempt exists, and with
   *     RETRY_ELSEWHERE if a foreign domain has that name
   */
  void spawnPaused(DomainSpec spec, Consumer<SpawnStep> progress);

  /**
   * Resumes a paused domain of exactly this attempt. A running one is left alone; one that is off
   * (the host was restarted since {@link #spawnPaused}) is started.
   *
   * @throws DriverException with kind NOT_FOUND if there is none, STALE if the attempt differs
   */
  void resume(InstanceId id, Attempt attempt);

  /** The power state now; NOSTATE if there is no such domain. */
  PowerState powerState(InstanceId id);

  /**
   * Starts a defined domain that is off (with its devices made anew as needed); a running one is
   * left alone.
   */
  void powerOn(DomainSpec spec);

  /**
   * Asks the guest to shut down (ACPI); returns at once. Nothing happens if it is off. A soft
   * reboot is this, SHUTDOWN awaited, and {@link #powerOn}, as in Nova: of a reboot in place nobody
   * could see from outside whether the guest listened.
   */
  void requestShutdown(InstanceId id);

  /** Pulls the plug. Nothing happens if it is off. */
  void powerOff(InstanceId id);

  /** Destroys and starts the domain again, with its definition and devices made anew. */
  void hardReboot(DomainSpec spec);

  /**
   * Removes the domain, its network devices and all its files, if the domain's attempt is {@code
   * upTo} or lower; then nothing of the instance is left on this host. Done already is done.
   */
  void destroy(InstanceId id, Attempt upTo);

  /**
   * The tail of the serial console's log.
   *
   * @param maxBytes at most so many bytes, from the end
   */
  byte[] consoleOutput(InstanceId id, int maxBytes);

  /**
   * A running domain's counters by Nova's classic names: {@code memory} (KiB), {@code cpu0_time}
   * (ns), and for each disk {@code vda_read_req}, {@code vda_read} (bytes) ..., for each device
   * {@code tap..._rx} ... What the hypervisor cannot tell is left out.
   *
   * @throws DriverException with kind NOT_FOUND if there is none that runs
   */
  Map<String, Long> diagnostics(InstanceId id);

  /**
   * Where the display of a running guest is served by VNC.
   *
   * @return empty if guests have no display on this host
   * @throws DriverException with kind NOT_FOUND if there is none that runs
   */
  Optional<VncServer> vncServer(InstanceId id);

  /**
   * A guest's VNC server.
   *
   * @param localHost the address under which this host itself reaches it
   * @param host the address under which others are to reach it: Nova's {@code
   *     vnc.server_proxyclient_address}
   * @param port of both
   */
  record VncServer(String localHost, String host, int port) {}

  /** Releases what the driver holds (connections, threads). Domains go on. */
  @Override
  void close();

  /** The steps of {@link #spawnPaused}, in order. */
  enum SpawnStep {
    IMAGES_CACHED,
    DISKS_MADE,
    NETWORK_PLUGGED,
    DEFINED,
    STARTED_PAUSED
  }
}
