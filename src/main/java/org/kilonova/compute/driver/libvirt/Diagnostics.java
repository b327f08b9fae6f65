package org.kilonova.compute.driver.libvirt;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.libvirt.Domain;
import org.libvirt.DomainBlockStats;
import org.libvirt.DomainInterfaceStats;
import org.libvirt.LibvirtException;
import org.libvirt.MemoryStatistic;
import org.libvirt.VcpuInfo;
import org.w3c.dom.Element;

/**
 * A running domain's counters by the names of {@code nova/virt/libvirt/driver.py:get_diagnostics}.
 * What the hypervisor cannot tell is left out.
 */
final class Diagnostics {
  /** {@code virDomainMemoryStatTags} by the names of libvirt's Python binding. */
  private static final List<String> MEMORY =
      List.of(
          "swap_in",
          "swap_out",
          "major_fault",
          "minor_fault",
          "unused",
          "available",
          "actual",
          "rss",
          "usable",
          "last_update",
          "disk_caches");

  private final Domain domain;
  private final Map<String, Long> counters = new LinkedHashMap<>();

  private Diagnostics(Domain domain) {
    this.domain = domain;
  }

  /** On the connection's thread. */
  static Map<String, Long> of(Domain domain) throws LibvirtException {
    Diagnostics diagnostics = new Diagnostics(domain);
    diagnostics.read();
    return diagnostics.counters;
  }

  private interface Part {
    void read() throws LibvirtException;
  }

  private void read() throws LibvirtException {
    counters.put("memory", domain.getMaxMemory());
    ifItCan(
        () -> {
          for (VcpuInfo cpu : domain.getVcpusInfo()) {
            counters.put("cpu" + cpu.number + "_time", cpu.cpuTime);
          }
        });
    Element devices = Xml.children(Xml.parse(domain.getXMLDesc(0)), "devices").getFirst();
    for (String disk : targets(devices, "disk")) {
      ifItCan(() -> disk(disk));
    }
    for (String nic : targets(devices, "interface")) {
      ifItCan(() -> nic(nic));
    }
    ifItCan(
        () -> {
          for (MemoryStatistic statistic : domain.memoryStats(MEMORY.size())) {
            int tag = statistic.getTag();
            if (tag >= 0 && tag < MEMORY.size()) {
              counters.put("memory-" + MEMORY.get(tag), statistic.getValue());
            }
          }
        });
  }

  private static List<String> targets(Element devices, String kind) {
    return Xml.children(devices, kind).stream()
        .map(device -> Xml.attribute(device, "target", "dev"))
        .filter(target -> target != null)
        .toList();
  }

  private void disk(String name) throws LibvirtException {
    DomainBlockStats stats = domain.blockStats(name);
    counters.put(name + "_read_req", stats.rd_req);
    counters.put(name + "_read", stats.rd_bytes);
    counters.put(name + "_write_req", stats.wr_req);
    counters.put(name + "_write", stats.wr_bytes);
    counters.put(name + "_errors", stats.errs);
  }

  private void nic(String name) throws LibvirtException {
    DomainInterfaceStats stats = domain.interfaceStats(name);
    counters.put(name + "_rx", stats.rx_bytes);
    counters.put(name + "_rx_packets", stats.rx_packets);
    counters.put(name + "_rx_errors", stats.rx_errs);
    counters.put(name + "_rx_drop", stats.rx_drop);
    counters.put(name + "_tx", stats.tx_bytes);
    counters.put(name + "_tx_packets", stats.tx_packets);
    counters.put(name + "_tx_errors", stats.tx_errs);
    counters.put(name + "_tx_drop", stats.tx_drop);
  }

  private static void ifItCan(Part part) {
    try {
      part.read();
    } catch (LibvirtException e) {
      // Not of this hypervisor, or not of a device of this kind.
    }
  }
}
