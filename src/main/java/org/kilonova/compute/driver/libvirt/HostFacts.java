package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.Resources;
import org.libvirt.NodeInfo;
import org.w3c.dom.Element;

/** Reads what a host has and uses from libvirt, /proc and the file system. */
final class HostFacts {
  private static final long GIB = 1L << 30;
  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneId.systemDefault());

  private final LibvirtSettings settings;
  private final LibvirtConnection connection;
  private final HostCommands commands;
  private final InstantSource clock;
  private final String domainType;

  HostFacts(
      LibvirtSettings settings,
      LibvirtConnection connection,
      HostCommands commands,
      InstantSource clock,
      String domainType) {
    this.settings = settings;
    this.connection = connection;
    this.commands = commands;
    this.clock = clock;
    this.domainType = domainType;
  }

  HostCapabilities capabilities() {
    record Answer(NodeInfo node, String xml, String type, long version) {}
    Answer answer =
        connection.call(
            "ask what the host has",
            settings.deadlines().query(),
            c ->
                new Answer(
                    c.nodeInfo(),
                    c.getCapabilities(),
                    c.getType(),
                    settings.isTestDriver() ? c.getLibVersion() : c.getVersion()));
    Element capabilities = Xml.parse(answer.xml());
    NodeInfo node = answer.node();
    Resources total = new Resources(node.cpus, node.memory / 1024, diskSpace().total() / GIB);
    return new HostCapabilities(
        total,
        settings.host().name(),
        answer.type(),
        Math.toIntExact(answer.version()),
        domainType,
        architectures(capabilities),
        cpuInfo(capabilities, node),
        settings.hostIp());
  }

  /** Only those that this machine runs itself; for others libvirt has emulators at best. */
  private static List<String> architectures(Element capabilities) {
    return Xml.children(capabilities, "guest").stream()
        .filter(g -> "hvm".equals(Xml.text(g, "os_type")))
        .map(g -> Xml.attribute(g, "arch", "name"))
        .distinct()
        .toList();
  }

  private static Map<String, Object> cpuInfo(Element capabilities, NodeInfo node) {
    Map<String, Object> info = new LinkedHashMap<>();
    Element host = Xml.children(capabilities, "host").getFirst();
    Xml.children(host, "cpu").stream()
        .findFirst()
        .ifPresent(
            cpu -> {
              info.put("arch", Xml.text(cpu, "arch"));
              info.put("model", Xml.text(cpu, "model"));
              info.put("vendor", Xml.text(cpu, "vendor"));
              info.put(
                  "features",
                  Xml.children(cpu, "feature").stream()
                      .map(f -> f.getAttribute("name"))
                      .sorted()
                      .toList());
            });
    Map<String, Object> topology = new LinkedHashMap<>();
    topology.put("cells", node.nodes);
    topology.put("sockets", node.sockets);
    topology.put("cores", node.cores);
    topology.put("threads", node.threads);
    info.put("topology", topology);
    info.values().removeIf(Objects::isNull);
    return info;
  }

  /**
   * What is used now.
   *
   * @param promisedGb what the flavors of the guests on this machine's disk promise in all
   */
  HostUsage usage(long promisedGb) {
    int running =
        connection.call("count domains", settings.deadlines().query(), c -> c.numOfDomains());
    Space space = diskSpace();
    long usedGb = (space.total() - space.free()) / GIB;
    // Guests' disks grow up to what was promised: what they have not taken yet is not free
    // (nova/virt/libvirt/driver.py: disk_available_least).
    long committedGb = Math.max(0, promisedGb - allocated() / GIB);
    return new HostUsage(
        memoryUsedMb(), usedGb, space.usable() / GIB - committedGb, running, uptime());
  }

  /** Bytes that the instances' files really take. */
  private long allocated() {
    Path instances = settings.stateDir().resolve("instances");
    if (!Files.exists(instances)) {
      return 0;
    }
    // du fails if a file goes while it counts; what it counted is good enough.
    String out =
        commands
            .tryRun(settings.deadlines().command(), "du", "-s", "-B1", instances.toString())
            .out();
    Matcher bytes = Pattern.compile("^(\\d+)\\s").matcher(out);
    return bytes.find() ? Long.parseLong(bytes.group(1)) : 0;
  }

  private static long memoryUsedMb() {
    try {
      long total = 0;
      long available = 0;
      for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
        if (line.startsWith("MemTotal:")) {
          total = kib(line);
        } else if (line.startsWith("MemAvailable:")) {
          available = kib(line);
        }
      }
      return (total - available) / 1024;
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot read /proc/meminfo", e);
    }
  }

  private static long kib(String line) {
    return Long.parseLong(line.replaceAll("\\D", ""));
  }

  /** A line as uptime(1) prints it: clients take it apart with a regular expression. */
  private String uptime() {
    try {
      Duration up = Duration.ofSeconds((long) Double.parseDouble(words("/proc/uptime").getFirst()));
      List<String> load = words("/proc/loadavg");
      String days = up.toDays() == 0 ? "" : up.toDays() + (up.toDays() == 1 ? " day, " : " days, ");
      return " %s up %s%2d:%02d,  0 users,  load average: %s, %s, %s"
          .formatted(
              CLOCK.format(clock.instant()),
              days,
              up.toHoursPart(),
              up.toMinutesPart(),
              load.get(0),
              load.get(1),
              load.get(2));
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot read /proc/uptime", e);
    }
  }

  private static List<String> words(String file) throws IOException {
    return List.of(Files.readString(Path.of(file)).strip().split(" ", -1));
  }

  private record Space(long total, long free, long usable) {}

  private Space diskSpace() {
    Path path = settings.stateDir();
    while (!Files.exists(path)) {
      path = path.getParent();
    }
    try {
      FileStore store = Files.getFileStore(path);
      return new Space(store.getTotalSpace(), store.getUnallocatedSpace(), store.getUsableSpace());
    } catch (IOException e) {
      throw new DriverException(Kind.TRANSIENT, "cannot measure the file system of " + path, e);
    }
  }
}
