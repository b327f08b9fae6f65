package org.kilonova.compute.driver.libvirt;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import org.kilonova.kernel.HostId;

/**
 * What an operator can choose about the libvirt driver.
 *
 * @param uri libvirt's connection URI, {@code qemu:///system} by default
 * @param cloudId names this cloud in the metadata of every domain; a domain with another one is
 *     never touched
 * @param host the compute host that this driver serves
 * @param stateDir holds instance disks, consoles, the image cache and the DHCP server's files of
 *     this cloud. QEMU runs as a user of its own, so every directory above must be traversable
 * @param hostIp the address that {@code os-hypervisors} shows as {@code host_ip}
 * @param guests how guests are made
 * @param network the host's side of the flat network
 * @param deadlines how long calls may take
 * @param cache when cached images go
 */
public record LibvirtSettings(
    String uri,
    String cloudId,
    HostId host,
    Path stateDir,
    String hostIp,
    Guests guests,
    Network network,
    Deadlines deadlines,
    Cache cache) {

  public LibvirtSettings {
    Objects.requireNonNull(uri, "uri");
    Objects.requireNonNull(cloudId, "cloudId");
    Objects.requireNonNull(host, "host");
    stateDir = stateDir.toAbsolutePath().normalize();
  }

  /** The settings of a default installation, with {@code /var/lib/kilonova/<cloudId>}. */
  public static LibvirtSettings defaults(String cloudId, HostId host) {
    return new LibvirtSettings(
        "qemu:///system",
        cloudId,
        host,
        Path.of("/var/lib/kilonova", cloudId),
        "127.0.0.1",
        Guests.defaults(),
        Network.defaults(),
        Deadlines.defaults(),
        Cache.defaults());
  }

  public LibvirtSettings withUri(String newUri) {
    return new LibvirtSettings(
        newUri, cloudId, host, stateDir, hostIp, guests, network, deadlines, cache);
  }

  public LibvirtSettings withStateDir(Path newStateDir) {
    return new LibvirtSettings(
        uri, cloudId, host, newStateDir, hostIp, guests, network, deadlines, cache);
  }

  public LibvirtSettings withHostIp(String newHostIp) {
    return new LibvirtSettings(
        uri, cloudId, host, stateDir, newHostIp, guests, network, deadlines, cache);
  }

  public LibvirtSettings withGuests(Guests newGuests) {
    return new LibvirtSettings(
        uri, cloudId, host, stateDir, hostIp, newGuests, network, deadlines, cache);
  }

  public LibvirtSettings withNetwork(Network newNetwork) {
    return new LibvirtSettings(
        uri, cloudId, host, stateDir, hostIp, guests, newNetwork, deadlines, cache);
  }

  public LibvirtSettings withCache(Cache newCache) {
    return new LibvirtSettings(
        uri, cloudId, host, stateDir, hostIp, guests, network, deadlines, newCache);
  }

  /** Whether the URI names libvirt's built-in test driver, which runs no guests. */
  boolean isTestDriver() {
    return uri.startsWith("test:");
  }

  /** Which kind of virtualisation guests get; Nova's {@code libvirt.virt_type}. */
  public enum VirtType {
    /** KVM if the processor and the kernel can, else QEMU with a warning. */
    AUTO,
    /** KVM; the driver refuses to start where it is not to be had. */
    KVM,
    /** QEMU's emulator, on any machine. */
    QEMU
  }

  /**
   * How guests are made.
   *
   * @param virtType see {@link VirtType}
   * @param cpuMode {@code host-model}, {@code host-passthrough}, {@code custom}, {@code maximum} or
   *     {@code none}; null for the default: {@code host-model} under KVM, {@code none} under QEMU
   *     (Nova's {@code libvirt.cpu_mode})
   * @param cpuModel the named model, with {@code custom} only
   * @param machineType null for the default of libvirt's architecture; an image's {@code
   *     hw_machine_type} wins
   * @param diskCacheMode QEMU's cache mode of file disks. {@code writeback} obeys the guest's
   *     flushes and shares the cached base image among guests
   * @param configDriveAlways make a config drive for every guest ({@code force_config_drive})
   * @param vnc how their displays are served, null for none
   */
  public record Guests(
      VirtType virtType,
      String cpuMode,
      String cpuModel,
      String machineType,
      String diskCacheMode,
      boolean configDriveAlways,
      Vnc vnc) {
    public static Guests defaults() {
      return new Guests(VirtType.AUTO, null, null, null, "writeback", false, Vnc.defaults());
    }

    public Guests withVirtType(VirtType newVirtType) {
      return new Guests(
          newVirtType, cpuMode, cpuModel, machineType, diskCacheMode, configDriveAlways, vnc);
    }

    public Guests withConfigDriveAlways(boolean always) {
      return new Guests(virtType, cpuMode, cpuModel, machineType, diskCacheMode, always, vnc);
    }

    public Guests withVnc(Vnc newVnc) {
      return new Guests(
          virtType, cpuMode, cpuModel, machineType, diskCacheMode, configDriveAlways, newVnc);
    }
  }

  /**
   * How guests' displays are served. Nobody is asked for a password there, so the address should be
   * one that only those reach who may see every guest.
   *
   * @param listen address of the VNC servers; ports start at 5900 (Nova's {@code
   *     vnc.server_listen})
   * @param proxyClientAddress under which proxies of others reach them (Nova's {@code
   *     vnc.server_proxyclient_address}); Kilonova's own goes through the cluster
   * @param keymap QEMU's name of a keyboard layout, or null for none (Nova's former {@code
   *     vnc.keymap})
   */
  public record Vnc(String listen, String proxyClientAddress, String keymap) {
    public static Vnc defaults() {
      return new Vnc("127.0.0.1", "127.0.0.1", null);
    }
  }

  /**
   * The host's side of the flat network.
   *
   * @param gateway whether this machine holds the gateway address and serves DHCP. Where it does
   *     not, the bridge is only a switch and another machine must do both
   * @param flatInterface a physical interface to put into the bridge, or null
   * @param nat whether guests reach the outside through this machine's address (an nftables table
   *     of our own and {@code ip_forward})
   * @param leaseTime of the DHCP server
   */
  public record Network(boolean gateway, String flatInterface, boolean nat, Duration leaseTime) {
    public static Network defaults() {
      return new Network(true, null, false, Duration.ofHours(1));
    }
  }

  /**
   * When cached images go.
   *
   * @param sweepInterval between two looks at them (Nova's {@code manager_interval})
   * @param unusedAge one that no disk needed for so long is removed (Nova's {@code
   *     remove_unused_original_minimum_age_seconds})
   */
  public record Cache(Duration sweepInterval, Duration unusedAge) {
    public static Cache defaults() {
      return new Cache(Duration.ofMinutes(40), Duration.ofHours(24));
    }
  }

  /**
   * How long calls may take before they count as failed (and are repeated by the caller).
   *
   * @param query libvirt calls that only read
   * @param change libvirt calls that define, start or stop
   * @param command host commands that finish at once
   * @param image fetching and converting one image
   */
  public record Deadlines(Duration query, Duration change, Duration command, Duration image) {
    public static Deadlines defaults() {
      return new Deadlines(
          Duration.ofSeconds(20),
          Duration.ofSeconds(90),
          Duration.ofSeconds(60),
          Duration.ofMinutes(20));
    }
  }
}
