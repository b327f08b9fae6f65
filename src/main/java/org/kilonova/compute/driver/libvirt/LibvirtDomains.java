package org.kilonova.compute.driver.libvirt;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.HypervisorDriver.VncServer;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.Resources;
import org.libvirt.Domain;
import org.libvirt.Error.ErrorNumber;
import org.libvirt.LibvirtException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The domains as libvirt has them, and what their metadata says. It only reads. */
final class LibvirtDomains {
  private static final Logger log = LoggerFactory.getLogger(LibvirtDomains.class);

  /** VIR_DOMAIN_METADATA_ELEMENT. */
  private static final int METADATA_ELEMENT = 2;

  private final LibvirtConnection reads;
  private final Duration deadline;

  LibvirtDomains(LibvirtConnection reads, Duration deadline) {
    this.reads = reads;
    this.deadline = deadline;
  }

  /**
   * A domain as libvirt has it.
   *
   * @param nics our ports, empty for a domain that is not ours
   */
  record View(DomainInfo info, List<Nic> nics) {
    boolean isActive() {
      return switch (info.power()) {
        case RUNNING, PAUSED, SUSPENDED -> true;
        case NOSTATE, SHUTDOWN, CRASHED -> false;
      };
    }
  }

  /** All domains of this hypervisor, anybody's. */
  List<View> all() {
    return reads.call(
        "list domains",
        deadline,
        c -> {
          Domain[] all = c.listAllDomains(0);
          try {
            List<View> views = new ArrayList<>();
            for (Domain domain : all) {
              look(domain).ifPresent(views::add);
            }
            return views;
          } finally {
            for (Domain domain : all) {
              domain.free();
            }
          }
        });
  }

  /** The domain with that uuid, anybody's. */
  Optional<View> find(InstanceId id) {
    return reads.call(
        "look for domain " + id,
        deadline,
        c -> {
          try {
            return with(c.domainLookupByUUID(id.uuid()), LibvirtDomains::look);
          } catch (LibvirtException e) {
            if (LibvirtErrors.is(e, ErrorNumber.VIR_ERR_NO_DOMAIN)) {
              return Optional.empty();
            }
            throw e;
          }
        });
  }

  /** Empty if it vanished meanwhile. */
  private static Optional<View> look(Domain domain) throws LibvirtException {
    try {
      org.libvirt.DomainInfo numbers = domain.getInfo();
      Optional<DomainMetadata> metadata = metadata(domain);
      Resources used =
          metadata
              .map(DomainMetadata::used)
              .orElseGet(() -> new Resources(numbers.nrVirtCpu, numbers.maxMem / 1024, 0));
      return Optional.of(
          new View(
              new DomainInfo(
                  InstanceId.of(domain.getUUIDString()),
                  domain.getName(),
                  powerState(numbers.state),
                  used,
                  metadata.map(DomainMetadata::ownership)),
              metadata.map(DomainMetadata::nics).orElse(List.of())));
    } catch (LibvirtException e) {
      if (LibvirtErrors.is(e, ErrorNumber.VIR_ERR_NO_DOMAIN)) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** The uuid of the domain of that name, anybody's. */
  Optional<String> uuidOf(String name) {
    return reads.call(
        "look for the name " + name,
        deadline,
        c -> {
          try {
            return Optional.of(with(c.domainLookupByName(name), Domain::getUUIDString));
          } catch (LibvirtException e) {
            if (LibvirtErrors.is(e, ErrorNumber.VIR_ERR_NO_DOMAIN)) {
              return Optional.empty();
            }
            throw e;
          }
        });
  }

  /** The counters of one that runs. */
  Map<String, Long> diagnostics(InstanceId id) {
    return ofRunning("diagnose", id, Diagnostics::of);
  }

  /** Where the display of one that runs is; see {@link DomainXml#vncServer}. */
  Optional<VncServer> vncServer(InstanceId id, String proxyClientAddress) {
    return ofRunning(
        "find the display of",
        id,
        domain -> DomainXml.vncServer(domain.getXMLDesc(0), proxyClientAddress));
  }

  private <T> T ofRunning(String what, InstanceId id, DomainCall<T> question) {
    return reads.call(
        what + " domain " + id,
        deadline,
        c ->
            with(
                c.domainLookupByUUID(id.uuid()),
                domain -> {
                  if (domain.isActive() != 1) {
                    throw new DriverException(
                        DriverException.Kind.NOT_FOUND, "no domain " + id + " runs");
                  }
                  return question.on(domain);
                }));
  }

  private static Optional<DomainMetadata> metadata(Domain domain) throws LibvirtException {
    try {
      String text = domain.getMetadata(METADATA_ELEMENT, DomainMetadata.NAMESPACE, 0);
      return Optional.of(DomainMetadata.read(text));
    } catch (LibvirtException e) {
      if (LibvirtErrors.is(e, ErrorNumber.VIR_ERR_NO_DOMAIN_METADATA)) {
        return Optional.empty();
      }
      throw e;
    } catch (IllegalArgumentException e) {
      // Not a document of this version: leave the domain alone as one of somebody else's.
      log.debug("Domain {}: {}", domain.getName(), e.getMessage());
      return Optional.empty();
    }
  }

  private static PowerState powerState(org.libvirt.DomainInfo.DomainState state) {
    return switch (state) {
      // A guest that is going down still runs; after a soft reboot it never is off at all.
      case VIR_DOMAIN_RUNNING, VIR_DOMAIN_BLOCKED, VIR_DOMAIN_SHUTDOWN -> PowerState.RUNNING;
      case VIR_DOMAIN_PAUSED -> PowerState.PAUSED;
      case VIR_DOMAIN_SHUTOFF -> PowerState.SHUTDOWN;
      case VIR_DOMAIN_CRASHED -> PowerState.CRASHED;
      case VIR_DOMAIN_PMSUSPENDED -> PowerState.SUSPENDED;
      case VIR_DOMAIN_NOSTATE -> PowerState.NOSTATE;
    };
  }

  /** Something to do with one domain, on the connection's thread. */
  @FunctionalInterface
  interface DomainCall<T> {
    T on(Domain domain) throws LibvirtException;
  }

  static <T> T with(Domain domain, DomainCall<T> call) throws LibvirtException {
    try {
      return call.on(domain);
    } finally {
      domain.free();
    }
  }
}
