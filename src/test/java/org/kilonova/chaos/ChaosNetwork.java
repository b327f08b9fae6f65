package org.kilonova.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A switch with a cable to each process: network namespaces and a bridge, all of this machine. Each
 * host has an address of its own; PostgreSQL listens on one that no process has, so it can be cut
 * off or not. A cut is a rule on the switch that drops packets without a word, in both directions,
 * as a dead link does: nobody gets a reset, connections hang.
 *
 * <p>Whoever runs the tests looks on from an address of its own, which is never cut off. Everything
 * bears the pid of the JVM that made it; what a killed run left behind goes at the next {@link
 * #create}. Needs root.
 */
final class ChaosNetwork implements AutoCloseable {
  private static final String PREFIX = "knc";

  /** The networks that RFC 2544 reserves for benchmarks: in use nowhere, except by another run. */
  private static final int SUBNETS = 256;

  private static final int DATABASE = 2;
  private static final int FIRST_HOST = 11;

  /** A host on the switch. */
  record Host(String namespace, String address) {
    /** What stands before a command that runs on this host; its process keeps its pid. */
    List<String> enter() {
      return List.of("ip", "netns", "exec", namespace);
    }
  }

  private final String name;
  private final String subnet;
  private final List<Host> hosts = new ArrayList<>();

  private ChaosNetwork(String name, String subnet) {
    this.name = name;
    this.subnet = subnet;
  }

  /** An empty switch, in a subnet that this machine does not use. */
  static ChaosNetwork create() {
    removeLeftovers();
    long pid = ProcessHandle.current().pid();
    String subnet =
        IntStream.range(0, SUBNETS)
            .mapToObj(i -> "198.18." + (pid + i) % SUBNETS)
            .filter(
                s ->
                    run("ip", "-4", "route", "show", "table", "all", "root", s + ".0/24").isBlank())
            .findFirst()
            .orElseThrow(() -> new AssertionError("198.18.0.0/16 is in use here"));
    ChaosNetwork network = new ChaosNetwork(PREFIX + pid, subnet);
    try {
      network.make();
      return network;
    } catch (RuntimeException | AssertionError e) {
      network.close();
      throw e;
    }
  }

  private void make() {
    // Frames between its ports are no business of this machine's firewall.
    run("ip", "link", "add", name, "type", "bridge", "nf_call_iptables", "0");
    run("ip", "addr", "add", subnet + ".1/24", "dev", name);
    run("ip", "addr", "add", databaseAddress() + "/24", "dev", name);
    run("ip", "link", "set", name, "up");
    String drop = "priority 0; ip saddr . ip daddr @cut drop; }\n";
    nft(
        "table bridge "
            + name
            + " {\n"
            + "set cut { type ipv4_addr . ipv4_addr; }\n"
            + "chain between { type filter hook forward "
            + drop
            + "chain to_here { type filter hook input "
            + drop
            + "chain from_here { type filter hook output "
            + drop
            + "}\n");
  }

  /** Plugs a new host in. */
  Host addHost() {
    int number = FIRST_HOST + hosts.size();
    Host host = new Host(name + "-" + number, subnet + "." + number);
    hosts.add(host);
    String port = name + "p" + number;
    run("ip", "netns", "add", host.namespace());
    run(
        "ip",
        "link",
        "add",
        port,
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        host.namespace());
    run("ip", "link", "set", port, "master", name, "up");
    run("ip", "-n", host.namespace(), "addr", "add", host.address() + "/24", "dev", "eth0");
    run("ip", "-n", host.namespace(), "link", "set", "eth0", "up");
    run("ip", "-n", host.namespace(), "link", "set", "lo", "up");
    return host;
  }

  /** Where PostgreSQL has to listen, on this machine. */
  String databaseAddress() {
    return subnet + "." + DATABASE;
  }

  /** From now on nothing passes between an address of the one side and one of the other. */
  void cut(Collection<String> side, Collection<String> other) {
    String pairs =
        side.stream()
            .flatMap(
                a -> other.stream().flatMap(b -> List.of(a + " . " + b, b + " . " + a).stream()))
            .collect(Collectors.joining(", "));
    nft("add element bridge " + name + " cut { " + pairs + " }\n");
  }

  /** Everything passes again. */
  void heal() {
    nft("flush set bridge " + name + " cut\n");
  }

  @Override
  public void close() {
    remove(name);
  }

  // ---- what a killed run left behind ----------------------------------------------------------

  private static void removeLeftovers() {
    for (String line : run("ip", "-o", "link", "show", "type", "bridge").lines().toList()) {
      String bridge = line.split(": ", 3)[1];
      if (bridge.matches(PREFIX + "\\d+")) {
        long pid = Long.parseLong(bridge.substring(PREFIX.length()));
        if (pid == ProcessHandle.current().pid() || !Files.exists(Path.of("/proc/" + pid))) {
          remove(bridge);
        }
      }
    }
  }

  private static void remove(String name) {
    if (run("nft", "list", "tables", "bridge").contains(" " + name + "\n")) {
      nft("delete table bridge " + name + "\n");
    }
    if (Files.exists(Path.of("/sys/class/net/" + name))) {
      // A namespace goes when it suits the kernel; its cable has to go now, so that its name is
      // free.
      for (String line : run("ip", "-o", "link", "show", "master", name).lines().toList()) {
        run("ip", "link", "delete", line.split(": ", 3)[1].replaceFirst("@.*", ""));
      }
      run("ip", "link", "delete", name);
    }
    for (String line : run("ip", "netns", "list").lines().toList()) {
      String namespace = line.split(" ", 2)[0];
      if (namespace.startsWith(name + "-")) {
        run("ip", "netns", "pids", namespace)
            .lines()
            .forEach(
                pid ->
                    ProcessHandle.of(Long.parseLong(pid))
                        .ifPresent(ProcessHandle::destroyForcibly));
        run("ip", "netns", "delete", namespace);
      }
    }
  }

  // ---- commands -------------------------------------------------------------------------------

  private static void nft(String script) {
    run(List.of("nft", "-f", "-"), script);
  }

  private static String run(String... command) {
    return run(List.of(command), "");
  }

  private static String run(List<String> command, String input) {
    try {
      Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
      try (var stdin = process.getOutputStream()) {
        stdin.write(input.getBytes(StandardCharsets.UTF_8));
      }
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new AssertionError(
            "hosts of their own need root, iproute2 and nftables: "
                + String.join(" ", command)
                + ": "
                + output.strip());
      }
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException("hosts of their own need root, iproute2 and nftables", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }
}
