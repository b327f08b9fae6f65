package org.kilonova.compute.driver.libvirt;

import java.util.List;
import java.util.Map;
import org.kilonova.compute.driver.DomainInfo.Ownership;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.Resources;
import org.w3c.dom.Element;

/**
 * Kilonova's part of a domain's metadata: whose it is and what is needed to make its surroundings
 * anew after the host or this process died. The hypervisor keeps it, so nothing else has to.
 *
 * @param ownership whose the domain is
 * @param used what its flavor takes of the host
 * @param nics its ports
 */
record DomainMetadata(Ownership ownership, Resources used, List<Nic> nics) {
  /** Fixed: domains of older versions must stay readable. */
  static final String NAMESPACE = "https://kilonova.org/xmlns/libvirt/1";

  private static final String PREFIX = "kilonova:";

  /** Writes the element into a domain's {@code <metadata>}. */
  static void write(Xml.Builder metadata, DomainSpec spec) {
    Xml.Builder instance = metadata.child(NAMESPACE, PREFIX + "instance");
    child(instance, "cloud").attrs("id", spec.cloudId());
    child(instance, "host").attrs("name", spec.host());
    child(instance, "attempt").attrs("number", spec.attempt());
    child(instance, "name").content(spec.displayName() == null ? "" : spec.displayName());
    child(instance, "owner").attrs("user", spec.userId(), "project", spec.projectId());
    if (spec.serverGroup() != null) {
      child(instance, "serverGroup").attrs("id", spec.serverGroup());
    }
    FlavorSpec flavor = spec.flavor();
    child(instance, "flavor")
        .attrs(
            "id", flavor.id(),
            "name", flavor.name(),
            "vcpus", flavor.vcpus(),
            "memoryMb", flavor.memoryMb(),
            "diskGb", flavor.diskGb(),
            "ephemeralGb", flavor.ephemeralGb(),
            "swapMb", flavor.swapMb());
    child(instance, "image").attrs("id", spec.image().id());
    for (Nic nic : spec.nics()) {
      Xml.Builder port =
          child(instance, "port")
              .attrs(
                  "id", nic.portId(),
                  "network", nic.networkId(),
                  "networkName", nic.networkName(),
                  "mac", nic.mac(),
                  "bridge", nic.bridge(),
                  "cidr", nic.cidr(),
                  "gateway", nic.gateway(),
                  "mtu", nic.mtu());
      nic.addresses().forEach(address -> child(port, "address").attrs("ip", address));
      nic.dnsServers().forEach(server -> child(port, "dns").attrs("ip", server));
    }
  }

  private static Xml.Builder child(Xml.Builder parent, String name) {
    return parent.child(NAMESPACE, PREFIX + name);
  }

  /**
   * Reads the element as libvirt gives it back.
   *
   * @throws IllegalArgumentException if it is not one that {@link #write} wrote
   */
  static DomainMetadata read(String xml) {
    Element instance = Xml.parse(xml);
    Ownership ownership =
        new Ownership(
            need(instance, "cloud", "id"),
            new HostId(need(instance, "host", "name")),
            new Attempt(Integer.parseInt(need(instance, "attempt", "number"))),
            Xml.attribute(instance, "owner", "project"),
            Xml.attribute(instance, "serverGroup", "id"));
    Element flavor = Xml.children(instance, "flavor").getFirst();
    FlavorSpec size =
        new FlavorSpec(
            flavor.getAttribute("id"),
            flavor.getAttribute("name"),
            Integer.parseInt(flavor.getAttribute("vcpus")),
            Long.parseLong(flavor.getAttribute("memoryMb")),
            Long.parseLong(flavor.getAttribute("diskGb")),
            Long.parseLong(flavor.getAttribute("ephemeralGb")),
            Long.parseLong(flavor.getAttribute("swapMb")),
            1.0,
            Map.of());
    List<Nic> nics = Xml.children(instance, "port").stream().map(DomainMetadata::nic).toList();
    return new DomainMetadata(ownership, size.resources(), nics);
  }

  private static Nic nic(Element port) {
    return new Nic(
        port.getAttribute("id"),
        port.getAttribute("network"),
        port.getAttribute("networkName"),
        port.getAttribute("mac"),
        Xml.children(port, "address").stream().map(a -> a.getAttribute("ip")).toList(),
        Xml.blankToNull(port.getAttribute("bridge")),
        Xml.blankToNull(port.getAttribute("cidr")),
        Xml.blankToNull(port.getAttribute("gateway")),
        Xml.children(port, "dns").stream().map(d -> d.getAttribute("ip")).toList(),
        Integer.parseInt(port.getAttribute("mtu")));
  }

  private static String need(Element instance, String child, String attribute) {
    String value = Xml.attribute(instance, child, attribute);
    if (value == null) {
      throw new IllegalArgumentException("domain metadata lacks " + child + "/@" + attribute);
    }
    return value;
  }
}
