package org.kilonova.compute.driver.libvirt;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;

/**
 * Which disks a guest has and what they are called: a pure function of its spec, so that a domain
 * can be described anew at any time.
 *
 * @param disks in the order in which the guest sees them
 */
record DiskPlan(List<Disk> disks) {
  private static final long GIB = 1L << 30;
  private static final long MIB = 1L << 20;

  /** What a disk is for. */
  enum Role {
    ROOT,
    EPHEMERAL,
    SWAP,
    CONFIG_DRIVE
  }

  /**
   * One disk.
   *
   * @param file its name in the instance's directory; the names are Nova's
   * @param format qcow2 or raw, as the domain's description says it (QEMU never guesses)
   * @param device {@code disk} or {@code cdrom}
   * @param sizeBytes 0 where the content decides
   */
  record Disk(
      Role role,
      String file,
      String format,
      String device,
      String bus,
      String target,
      long sizeBytes) {}

  /** {@code hw_disk_bus}: the buses that a guest's disk may sit on, with Linux's device prefix. */
  private static final Map<String, String> PREFIXES =
      Map.of("virtio", "vd", "scsi", "sd", "sata", "sd", "usb", "sd", "ide", "hd");

  /**
   * Plans a guest's disks.
   *
   * @param configDrive whether it gets a config drive
   * @param machineType libvirt's; only {@code q35} ones lack an IDE controller
   * @throws DriverException ABORT if the image asks for a bus that does not exist
   */
  static DiskPlan of(DomainSpec spec, boolean configDrive, String machineType) {
    ImageSpec image = spec.image();
    FlavorSpec flavor = spec.flavor();
    Naming naming = new Naming();
    String bus = image.properties().getOrDefault("hw_disk_bus", "virtio");
    List<Disk> disks = new ArrayList<>();
    disks.add(naming.disk(Role.ROOT, "disk", "qcow2", "disk", bus, flavor.diskGb() * GIB));
    if (flavor.ephemeralGb() > 0) {
      disks.add(
          naming.disk(Role.EPHEMERAL, "disk.eph0", "raw", "disk", bus, flavor.ephemeralGb() * GIB));
    }
    if (flavor.swapMb() > 0) {
      disks.add(naming.disk(Role.SWAP, "disk.swap", "raw", "disk", bus, flavor.swapMb() * MIB));
    }
    if (configDrive) {
      String usual = machineType != null && machineType.contains("q35") ? "sata" : "ide";
      String cdromBus = image.properties().getOrDefault("hw_cdrom_bus", usual);
      disks.add(naming.disk(Role.CONFIG_DRIVE, "disk.config", "raw", "cdrom", cdromBus, 0));
    }
    return new DiskPlan(List.copyOf(disks));
  }

  /**
   * The size of the root disk: the flavor's, or the image's own if the flavor says 0. It is never
   * smaller than the image (nova/virt/libvirt/imagebackend.py: verify_base_size).
   *
   * @throws DriverException ABORT if the image does not fit
   */
  static long rootSize(FlavorSpec flavor, long imageVirtualBytes) {
    long wanted = flavor.diskGb() * GIB;
    if (wanted == 0) {
      return imageVirtualBytes;
    }
    if (imageVirtualBytes > wanted) {
      throw new DriverException(
          Kind.ABORT,
          ("Flavor's disk is too small for requested image. Flavor disk is %d bytes, image is %d"
                  + " bytes.")
              .formatted(wanted, imageVirtualBytes));
    }
    return wanted;
  }

  Disk root() {
    return disks.getFirst();
  }

  Optional<Disk> find(Role role) {
    return disks.stream().filter(d -> d.role() == role).findFirst();
  }

  /** Hands out device names, one row for each prefix. */
  private static final class Naming {
    private final Map<String, Integer> taken = new HashMap<>();

    Disk disk(Role role, String file, String format, String device, String bus, long sizeBytes) {
      String prefix = PREFIXES.get(bus);
      if (prefix == null || (device.equals("cdrom") && bus.equals("virtio"))) {
        throw new DriverException(
            Kind.ABORT, "Disk bus '" + bus + "' is not supported for a " + device);
      }
      int index = taken.merge(prefix, 1, Integer::sum) - 1;
      String target = prefix + (char) ('a' + index);
      return new Disk(role, file, format, device, bus, target, sizeBytes);
    }
  }
}
