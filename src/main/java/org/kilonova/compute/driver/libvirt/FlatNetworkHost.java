package org.kilonova.compute.driver.libvirt;

import inet.ipaddr.IPAddress;
import inet.ipaddr.IPAddressString;
import java.io.IOException;
import java.net.InterfaceAddress;
import java.net.NetworkInterface;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.Nic;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's side of the flat network: the bridge, the gateway address, and one DHCP server
 * (dnsmasq) for each network, which answers only the ports that it was told of.
 *
 * <p>A network exists on a machine as long as a port of ours does: the first port makes it, the
 * last one takes the server and (if it was made here and nothing else is plugged in) the bridge
 * away. Several compute processes of the cloud on one machine share all of it; each change happens
 * under the network's lock. A server that was started by a process that is long dead is adopted, a
 * dead one is started again. Every call is idempotent and looks at what is really there, so the
 * same call rebuilds everything after the machine was restarted.
 *
 * <p>libvirt makes the tap devices itself and plugs them into the bridge.
 */
final class FlatNetworkHost {
  private static final Logger log = LoggerFactory.getLogger(FlatNetworkHost.class);

  /** Linux's limit for the name of an interface. */
  private static final int MAX_INTERFACE_NAME = 15;

  /** dnsmasq ends at once when it is told to; after this long it is killed. */
  private static final Duration STOP_TIME = Duration.ofSeconds(5);

  private static final Duration STOP_POLL = Duration.ofMillis(5);

  private static final String INTERFACE_NAME = "[A-Za-z0-9][A-Za-z0-9_.-]*";

  private final Path root;
  private final FileLocks locks;
  private final HostCommands commands;
  private final LibvirtSettings.Network settings;
  private final Duration deadline;

  /**
   * Starts nothing.
   *
   * @param root a directory for each network is kept here, shared by the machine's processes
   */
  FlatNetworkHost(
      Path root,
      FileLocks locks,
      HostCommands commands,
      LibvirtSettings.Network settings,
      Duration deadline) {
    this.root = root;
    this.locks = locks;
    this.commands = commands;
    this.settings = settings;
    this.deadline = deadline;
  }

  /** Makes sure that the ports' networks are there and that each port will be given its address. */
  void plug(List<Nic> nics) {
    for (Nic nic : nics) {
      requireSane(nic);
      try (FileLocks.Held lock = locks.network(nic.networkId())) {
        Network network = new Network(nic);
        boolean fresh = network.ensureBridge();
        network.addEntry(nic);
        network.ensureServer(fresh);
      } catch (IOException e) {
        throw new DriverException(
            Kind.RETRY_ELSEWHERE, "cannot plug port " + nic.portId() + ": " + e, e);
      }
    }
  }

  /** Forgets the ports; with its last port a network goes. What is gone already is fine. */
  void unplug(List<Nic> nics) {
    for (Nic nic : nics) {
      try (FileLocks.Held lock = locks.network(nic.networkId())) {
        Network network = new Network(nic);
        if (!Files.isDirectory(network.directory)) {
          continue;
        }
        network.removeEntry(nic);
        if (network.hasEntries()) {
          network.dropLease(nic);
        } else {
          network.remove();
        }
      } catch (IOException e) {
        throw new DriverException(
            Kind.TRANSIENT, "cannot unplug port " + nic.portId() + ": " + e, e);
      }
    }
  }

  /** Starts dead DHCP servers again and puts back bridges that somebody removed. */
  void upkeep(List<Nic> plugged) {
    Map<String, Nic> one =
        plugged.stream()
            .collect(Collectors.toMap(Nic::networkId, n -> n, (a, b) -> a, LinkedHashMap::new));
    for (Nic nic : one.values()) {
      try (FileLocks.Held lock = locks.network(nic.networkId())) {
        Network network = new Network(nic);
        // Under the lock again: the last port may have gone while we looked.
        if (network.hasEntries()) {
          network.ensureServer(network.ensureBridge());
        }
      } catch (IOException | DriverException e) {
        log.warn("Network {} cannot be kept up: {}", nic.networkId(), e.getMessage());
      }
    }
  }

  private static void requireSane(Nic nic) {
    String bridge = nic.bridge();
    if (bridge == null
        || bridge.length() > MAX_INTERFACE_NAME
        || !bridge.matches(INTERFACE_NAME)
        || !nic.portId().matches("[0-9a-fA-F-]{36}")
        || !nic.networkId().matches("[0-9a-fA-F-]{36}")
        || !nic.mac().matches("([0-9a-f]{2}:){5}[0-9a-f]{2}")) {
      throw new DriverException(
          Kind.ABORT, "port " + nic.portId() + " cannot be plugged: bad bridge, id or MAC address");
    }
  }

  /** One network on this machine. */
  private final class Network {
    private final Nic nic;
    private final String bridge;
    private final Path directory;
    private final Path entries;
    private final Path config;
    private final Path pidFile;
    private final Path leases;

    /** There if we made the bridge; what we did not make we never remove. */
    private final Path madeHere;

    Network(Nic nic) {
      this.nic = nic;
      bridge = nic.bridge();
      directory = root.resolve(nic.networkId());
      entries = directory.resolve("hosts");
      config = directory.resolve("dnsmasq.conf");
      pidFile = directory.resolve("dnsmasq.pid");
      leases = directory.resolve("leases");
      madeHere = directory.resolve("bridge");
    }

    /**
     * Makes the bridge as it must be.
     *
     * @return whether it is new, so that servers bound to an earlier one of that name are deaf
     */
    boolean ensureBridge() throws IOException {
      // dnsmasq gives up its rights after the start and must still be able to read here.
      Directories.readable(entries);
      boolean fresh = !exists(bridge);
      if (fresh) {
        Files.writeString(madeHere, bridge);
        // With an address of its own the bridge does not take on that of the first guest.
        ip(
            "link",
            "add",
            "name",
            bridge,
            "address",
            bridgeMac(),
            "type",
            "bridge",
            "stp_state",
            "0",
            "forward_delay",
            "0");
        // Guests must not configure the host by router advertisements.
        Path acceptRa = Path.of("/proc/sys/net/ipv6/conf", bridge, "accept_ra");
        if (Files.exists(acceptRa)) {
          Files.writeString(acceptRa, "0");
        }
      }
      NetworkInterface device = NetworkInterface.getByName(bridge);
      boolean up = device != null && device.isUp();
      if (!up || (nic.mtu() > 0 && device.getMTU() != nic.mtu())) {
        if (nic.mtu() > 0) {
          ip("link", "set", "dev", bridge, "mtu", Integer.toString(nic.mtu()), "up");
        } else {
          ip("link", "set", "dev", bridge, "up");
        }
      }
      if (settings.flatInterface() != null
          && !Files.exists(Path.of("/sys/class/net", bridge, "brif", settings.flatInterface()))) {
        ip("link", "set", "dev", settings.flatInterface(), "master", bridge, "up");
      }
      if (servesDhcp() && !hasAddress(device, nic.gateway())) {
        ip("address", "replace", nic.gateway() + "/" + subnet().getPrefixLength(), "dev", bridge);
      }
      if (settings.nat() && servesDhcp()) {
        ensureNat();
      }
      return fresh;
    }

    /** The network's own table, so that removing it removes just what we added. */
    private void ensureNat() throws IOException {
      String cidr = subnet().toPrefixBlock().toString();
      Files.writeString(Path.of("/proc/sys/net/ipv4/ip_forward"), "1");
      String chain = "ip " + natTable() + " postrouting";
      commands.run(
          deadline,
          "nft",
          String.join(
              "; ",
              "add table ip " + natTable(),
              "add chain " + chain + " { type nat hook postrouting priority srcnat; }",
              "flush chain " + chain,
              "add rule %s ip saddr %2$s ip daddr != %2$s masquerade".formatted(chain, cidr)));
    }

    private String natTable() {
      return "kilonova-" + bridge;
    }

    private boolean servesDhcp() {
      return settings.gateway() && nic.gateway() != null && nic.cidr() != null && subnet().isIPv4();
    }

    private IPAddress subnet() {
      IPAddress subnet = new IPAddressString(nic.cidr()).getAddress();
      if (subnet == null || subnet.getPrefixLength() == null) {
        throw new DriverException(Kind.ABORT, "bad subnet " + nic.cidr());
      }
      return subnet;
    }

    private String bridgeMac() {
      byte[] id = nic.networkId().getBytes(StandardCharsets.US_ASCII);
      int hash = Arrays.hashCode(id);
      // "02": an address that no manufacturer gave out.
      return "02:6b:%02x:%02x:%02x:%02x"
          .formatted(hash >>> 24, hash >>> 16 & 0xff, hash >>> 8 & 0xff, hash & 0xff);
    }

    private Path entry(Nic port) {
      return entries.resolve(port.portId());
    }

    /** dnsmasq sees new files in that directory by itself. */
    void addEntry(Nic port) throws IOException {
      Optional<String> address =
          port.addresses().stream().filter(a -> !a.contains(":")).findFirst();
      String line =
          address
              .map(a -> port.mac() + "," + a + ",host-" + a.replace('.', '-') + "\n")
              .orElse("# " + port.mac() + " has no IPv4 address\n");
      Path file = entry(port);
      if (Files.exists(file) && Files.readString(file).equals(line)) {
        return;
      }
      Path part = directory.resolve(port.portId() + ".part");
      Files.writeString(part, line);
      Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-r--r--"));
      Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    void removeEntry(Nic port) throws IOException {
      Files.deleteIfExists(entry(port));
    }

    boolean hasEntries() throws IOException {
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(entries)) {
        return stream.iterator().hasNext();
      } catch (NoSuchFileException e) {
        return false;
      }
    }

    /**
     * Makes the server forget the port: its entry and its lease, without which the address could
     * not be given to the next port. dnsmasq forgets neither while it runs, so it is started anew;
     * that takes milliseconds and guests repeat a question that was lost.
     */
    void dropLease(Nic port) throws IOException {
      Optional<ProcessHandle> server = server();
      if (server.isEmpty()) {
        return;
      }
      stop(server.get());
      if (Files.exists(leases)) {
        List<String> kept =
            Files.readAllLines(leases).stream()
                .filter(line -> !line.contains(" " + port.mac() + " "))
                .toList();
        Files.write(leases, kept);
      }
      try {
        start();
      } catch (DriverException e) {
        // The port is gone all the same; the next upkeep tries again for the others.
        log.warn("The DHCP server on {} did not come back: {}", bridge, e.getMessage());
      }
    }

    /** Sees to it that the DHCP server runs, with the configuration that it must have. */
    void ensureServer(boolean bridgeIsNew) throws IOException {
      if (!servesDhcp()) {
        return;
      }
      String wanted = configuration();
      boolean current = Files.exists(config) && Files.readString(config).equals(wanted);
      Optional<ProcessHandle> server = server();
      if (server.isPresent() && current && !bridgeIsNew) {
        return;
      }
      server.ifPresent(this::stop);
      if (!current) {
        Path part = directory.resolve("dnsmasq.conf.part");
        Files.writeString(part, wanted);
        Files.move(
            part, config, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      }
      start();
    }

    private String configuration() {
      IPAddress subnet = subnet();
      List<String> lines = new ArrayList<>();
      lines.add("port=0");
      lines.add("interface=" + bridge);
      lines.add("except-interface=lo");
      lines.add("bind-interfaces");
      lines.add("pid-file=" + pidFile);
      lines.add("dhcp-leasefile=" + leases);
      lines.add("dhcp-hostsdir=" + entries);
      lines.add("dhcp-authoritative");
      // No pool: whoever has no entry gets no answer.
      lines.add(
          "dhcp-range=%s,static,%s,%d"
              .formatted(
                  subnet.getLower().withoutPrefixLength(),
                  subnet.getNetworkMask().withoutPrefixLength(),
                  settings.leaseTime().toSeconds()));
      lines.add("dhcp-ignore=tag:!known");
      lines.add("dhcp-lease-max=65536");
      lines.add("dhcp-option=option:router," + nic.gateway());
      lines.add(
          nic.dnsServers().isEmpty()
              ? "dhcp-option=option:dns-server"
              : "dhcp-option=option:dns-server," + String.join(",", nic.dnsServers()));
      if (nic.mtu() > 0) {
        lines.add("dhcp-option-force=option:mtu," + nic.mtu());
      }
      lines.add("no-resolv");
      lines.add("no-hosts");
      return String.join("\n", lines) + "\n";
    }

    private void start() {
      commands.run(deadline, "dnsmasq", "--conf-file=" + config);
      log.info("Started the DHCP server of network {} on {}", nic.networkId(), bridge);
    }

    /**
     * Ends the server and waits until it is gone, for it removes its pid file last. (The JDK's own
     * {@code onExit} looks only three times a second at processes that are not its children.)
     */
    private void stop(ProcessHandle server) {
      server.destroy();
      long end = System.nanoTime() + STOP_TIME.toNanos();
      while (runs(server)) {
        if (System.nanoTime() > end) {
          server.destroyForcibly();
        }
        LockSupport.parkNanos(STOP_POLL.toNanos());
        if (Thread.interrupted()) {
          Thread.currentThread().interrupt();
          throw new DriverException(Kind.TRANSIENT, "interrupted while stopping dnsmasq");
        }
      }
    }

    /** A zombie that init has not reaped yet runs no more. */
    private boolean runs(ProcessHandle server) {
      try {
        String stat = Files.readString(Path.of("/proc", Long.toString(server.pid()), "stat"));
        return !stat.substring(stat.lastIndexOf(')')).startsWith(") Z");
      } catch (IOException e) {
        return false;
      }
    }

    /** The server's process. The pid file may be stale and its number somebody else's by now. */
    private Optional<ProcessHandle> server() throws IOException {
      try {
        long pid = Long.parseLong(Files.readString(pidFile).strip());
        byte[] commandLine = Files.readAllBytes(Path.of("/proc", Long.toString(pid), "cmdline"));
        return new String(commandLine, StandardCharsets.UTF_8).contains(config.toString())
            ? ProcessHandle.of(pid)
            : Optional.empty();
      } catch (NoSuchFileException | NumberFormatException e) {
        return Optional.empty();
      }
    }

    /** Takes the network off this machine. */
    void remove() throws IOException {
      server().ifPresent(this::stop);
      if (settings.nat()) {
        commands.tryRun(deadline, "nft", "delete table ip " + natTable());
      }
      if (Files.exists(madeHere) && exists(bridge)) {
        if (ports().isEmpty()) {
          ip("link", "delete", "dev", bridge);
        } else {
          log.info("Bridge {} is left: {} is plugged in", bridge, ports());
        }
      }
      InstanceStore.deleteTree(directory);
    }

    private List<String> ports() throws IOException {
      List<String> ports = new ArrayList<>();
      Path brif = Path.of("/sys/class/net", bridge, "brif");
      try (DirectoryStream<Path> stream = Files.newDirectoryStream(brif)) {
        stream.forEach(port -> ports.add(port.getFileName().toString()));
      } catch (NoSuchFileException e) {
        return List.of();
      }
      return ports;
    }
  }

  private static boolean exists(String device) {
    return Files.exists(Path.of("/sys/class/net", device));
  }

  private static boolean hasAddress(NetworkInterface device, String address) {
    return device != null
        && device.getInterfaceAddresses().stream()
            .map(InterfaceAddress::getAddress)
            .anyMatch(a -> a.getHostAddress().equals(address));
  }

  private void ip(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add("ip");
    command.addAll(List.of(arguments));
    commands.run(deadline, command.toArray(String[]::new));
  }
}
