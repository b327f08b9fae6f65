package org.kilonova.compute.driver.libvirt;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.kilonova.compute.driver.libvirt.LibvirtSettings.VirtType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether this machine can run KVM guests. The device node alone proves nothing (containers and
 * nested machines have one without the hardware behind it), so the processor's flags decide first.
 */
final class HardwareVirtualization {
  private static final Logger log = LoggerFactory.getLogger(HardwareVirtualization.class);
  private static final Pattern FLAG =
      Pattern.compile("^flags\\s*:.*\\b(vmx|svm)\\b", Pattern.MULTILINE);

  private final Path cpuinfo;
  private final Path device;

  HardwareVirtualization() {
    this(Path.of("/proc/cpuinfo"), Path.of("/dev/kvm"));
  }

  HardwareVirtualization(Path cpuinfo, Path device) {
    this.cpuinfo = cpuinfo;
    this.device = device;
  }

  /**
   * The domain type that guests get.
   *
   * @return {@code kvm} or {@code qemu}
   * @throws IllegalStateException if KVM is demanded and cannot be had; its message is meant for
   *     the operator
   */
  String domainType(VirtType demanded) {
    if (demanded == VirtType.QEMU) {
      return "qemu";
    }
    String missing = missing();
    if (missing == null) {
      return "kvm";
    }
    if (demanded == VirtType.KVM) {
      throw new IllegalStateException(
          "libvirt virt-type is kvm, but this host cannot run KVM guests: "
              + missing
              + ". Set virt-type to qemu (slow emulation) or auto, or enable virtualisation in the"
              + " firmware.");
    }
    log.warn("No hardware virtualisation ({}): guests run in plain QEMU, which is slow.", missing);
    return "qemu";
  }

  /** What is missing for KVM, or null. */
  private String missing() {
    try {
      if (!FLAG.matcher(Files.readString(cpuinfo)).find()) {
        return "the processor shows neither vmx nor svm";
      }
    } catch (IOException e) {
      return "cannot read " + cpuinfo;
    }
    if (!Files.exists(device)) {
      return "there is no " + device + " (is the kvm module loaded?)";
    }
    return Files.isReadable(device) && Files.isWritable(device)
        ? null
        : device + " may not be opened by this user";
  }
}
