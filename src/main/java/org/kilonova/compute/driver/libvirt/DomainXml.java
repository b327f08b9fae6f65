package org.kilonova.compute.driver.libvirt;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.HypervisorDriver.VncServer;
import org.kilonova.compute.driver.libvirt.LibvirtSettings.Guests;
import org.kilonova.kernel.Nic;

/**
 * Describes a guest to libvirt: a pure function of the spec, the settings and the disks, so the
 * same guest is described alike at its first start and after a hard reboot.
 *
 * @param guests the operator's choices
 * @param domainType kvm, qemu or test
 */
record DomainXml(Guests guests, String domainType) {
  private static final Set<String> VIF_MODELS =
      Set.of("virtio", "e1000", "e1000e", "ne2k_pci", "pcnet", "rtl8139", "vmxnet3");
  private static final Set<String> VIDEO_MODELS =
      Set.of("virtio", "vga", "cirrus", "vmvga", "qxl", "bochs", "ramfb", "none");
  private static final Set<String> WATCHDOG_ACTIONS = Set.of("reset", "poweroff", "pause", "none");
  private static final Set<String> TRUE_WORDS = Set.of("1", "true", "yes", "on", "t", "y");

  /**
   * Where a guest's files are.
   *
   * @param directory the instance's
   * @param base the root disk's backing file
   */
  record Files(Path directory, Path base) {
    Path console() {
      return directory.resolve("console.log");
    }

    Path kernel() {
      return directory.resolve("kernel");
    }

    Path ramdisk() {
      return directory.resolve("ramdisk");
    }
  }

  /**
   * The domain's definition.
   *
   * @throws DriverException ABORT if the image's properties ask for hardware that does not exist
   */
  String write(DomainSpec spec, DiskPlan plan, Files files) {
    Xml.Builder domain = Xml.Builder.root("domain").attrs("type", domainType);
    domain.text("uuid", spec.id()).text("name", spec.domainName());
    DomainMetadata.write(domain.child("metadata"), spec);
    domain.child("memory").attrs("unit", "MiB").content(spec.flavor().memoryMb());
    domain.child("vcpu").attrs("placement", "static").content(spec.flavor().vcpus());
    if (!isTest()) {
      sysinfo(domain, spec);
    }
    operatingSystem(domain.child("os"), spec, plan, files);
    domain.child("features").leaf("acpi").leaf("apic");
    cpu(domain, spec);
    clock(domain.child("clock"), spec);
    domain.text("on_poweroff", "destroy").text("on_reboot", "restart").text("on_crash", "destroy");
    devices(domain.child("devices"), spec, plan, files);
    return domain.toString();
  }

  /** The machine type that this guest gets, or null for libvirt's default. */
  String machineType(DomainSpec spec) {
    return spec.image().properties().getOrDefault("hw_machine_type", guests.machineType());
  }

  private boolean isTest() {
    return domainType.equals("test");
  }

  /** cloud-init recognises an OpenStack guest by the product's name. */
  private static void sysinfo(Xml.Builder domain, DomainSpec spec) {
    Xml.Builder system = domain.child("sysinfo").attrs("type", "smbios").child("system");
    Map<String, Object> entries =
        new TreeMap<>(
            Map.of(
                "manufacturer", "Kilonova",
                "product", "OpenStack Compute",
                "serial", spec.id(),
                "uuid", spec.id(),
                "family", "Virtual Machine"));
    entries.forEach((name, value) -> system.child("entry").attrs("name", name).content(value));
  }

  private void operatingSystem(Xml.Builder os, DomainSpec spec, DiskPlan plan, Files files) {
    Map<String, String> properties = spec.image().properties();
    if ("uefi".equals(properties.get("hw_firmware_type"))) {
      os.attrs("firmware", "efi");
    }
    os.child("type").attrs("machine", isTest() ? null : machineType(spec)).content("hvm");
    if (spec.image().kernelId() != null) {
      os.text("kernel", files.kernel());
      if (spec.image().ramdiskId() != null) {
        os.text("initrd", files.ramdisk());
      }
      String usual = "root=/dev/" + plan.root().target() + " console=ttyS0";
      os.text("cmdline", properties.getOrDefault("os_command_line", usual));
    }
    os.leaf("boot", "dev", "hd");
    if (!isTest()) {
      os.leaf("smbios", "mode", "sysinfo");
    }
  }

  private void cpu(Xml.Builder domain, DomainSpec spec) {
    String mode = guests.cpuMode();
    if (mode == null) {
      mode = domainType.equals("kvm") ? "host-model" : "none";
    }
    Xml.Builder cpu = domain.child("cpu");
    if (mode.equals("custom")) {
      cpu.attrs("mode", mode, "match", "exact").child("model").content(guests.cpuModel());
    } else if (!mode.equals("none")) {
      cpu.attrs("mode", mode);
    }
    // One socket for each vCPU, as Nova does where nothing else is asked for.
    cpu.leaf("topology", "sockets", spec.flavor().vcpus(), "cores", 1, "threads", 1);
  }

  private void clock(Xml.Builder clock, DomainSpec spec) {
    boolean windows = "windows".equals(spec.image().properties().get("os_type"));
    clock.attrs("offset", windows ? "localtime" : "utc");
    if (!isTest()) {
      clock
          .leaf("timer", "name", "pit", "tickpolicy", "delay")
          .leaf("timer", "name", "rtc", "tickpolicy", "catchup")
          .leaf("timer", "name", "hpet", "present", "no");
    }
  }

  private void devices(Xml.Builder devices, DomainSpec spec, DiskPlan plan, Files files) {
    Map<String, String> properties = spec.image().properties();
    plan.disks().forEach(disk -> disk(devices.child("disk"), disk, files));
    if (plan.disks().stream().anyMatch(d -> d.bus().equals("scsi"))) {
      devices.leaf("controller", "type", "scsi", "model", "virtio-scsi");
    }
    String vifModel = choice(properties, "hw_vif_model", "virtio", VIF_MODELS);
    spec.nics().forEach(nic -> vif(devices.child("interface"), nic, vifModel));
    serial(devices, files);
    if (isTrue(properties.get("hw_qemu_guest_agent"))) {
      devices
          .child("channel")
          .attrs("type", "unix")
          .leaf("target", "type", "virtio", "name", "org.qemu.guest_agent.0");
    }
    String video = choice(properties, "hw_video_model", "virtio", VIDEO_MODELS);
    if (guests.vnc() != null) {
      if (!"ps2mouse".equals(properties.get("hw_pointer_model"))) {
        devices.leaf("input", "type", "tablet", "bus", "usb");
      }
      devices
          .child("graphics")
          .attrs("type", "vnc", "autoport", "yes", "keymap", guests.vnc().keymap())
          .attrs("listen", guests.vnc().listen());
      devices.child("video").leaf("model", "type", video);
    }
    if (isTest()) {
      return;
    }
    devices
        .child("rng")
        .attrs("model", "virtio")
        .child("backend")
        .attrs("model", "random")
        .content("/dev/urandom");
    devices.child("memballoon").attrs("model", "virtio").leaf("stats", "period", 10);
    String watchdog = properties.get("hw_watchdog_action");
    if (watchdog != null && !watchdog.equals("disabled")) {
      devices.leaf(
          "watchdog",
          "model",
          "i6300esb",
          "action",
          choice(properties, "hw_watchdog_action", "none", WATCHDOG_ACTIONS));
    }
  }

  private void disk(Xml.Builder xml, DiskPlan.Disk disk, Files files) {
    xml.attrs("type", "file", "device", disk.device());
    xml.leaf(
        "driver",
        "name",
        "qemu",
        "type",
        disk.format(),
        "cache",
        disk.device().equals("disk") ? guests.diskCacheMode() : null,
        "discard",
        disk.device().equals("disk") ? "unmap" : null);
    xml.leaf("source", "file", files.directory().resolve(disk.file()));
    if (disk.format().equals("qcow2")) {
      // Said in full, so that nothing is ever read from an image's header to find the next file.
      Xml.Builder backing = xml.child("backingStore").attrs("type", "file");
      backing.leaf("format", "type", "raw").leaf("source", "file", files.base());
      backing.leaf("backingStore");
    }
    xml.leaf("target", "dev", disk.target(), "bus", disk.bus());
    if (disk.device().equals("cdrom")) {
      xml.leaf("readonly");
    }
  }

  private static void vif(Xml.Builder xml, Nic nic, String model) {
    xml.attrs("type", "bridge");
    xml.leaf("mac", "address", nic.mac());
    xml.leaf("source", "bridge", nic.bridge());
    xml.leaf("target", "dev", nic.tapName());
    xml.leaf("model", "type", model);
    if (nic.mtu() > 0) {
      xml.leaf("mtu", "size", nic.mtu());
    }
  }

  /**
   * A pty whose output virtlogd also writes to a file. virtlogd bounds and rotates the file, so a
   * guest cannot fill the host's disk; {@code append} keeps what earlier boots said.
   */
  private static void serial(Xml.Builder devices, Files files) {
    Xml.Builder serial = devices.child("serial").attrs("type", "pty");
    serial.leaf("log", "file", files.console(), "append", "on").leaf("target", "port", 0);
    devices.child("console").attrs("type", "pty").leaf("target", "type", "serial", "port", 0);
  }

  /**
   * Where a domain's display is, by what libvirt says of it now.
   *
   * @param xml of the running domain
   * @param proxyClientAddress under which others reach this host's displays
   */
  static Optional<VncServer> vncServer(String xml, String proxyClientAddress) {
    return Xml.children(Xml.parse(xml), "devices").stream()
        .flatMap(devices -> Xml.children(devices, "graphics").stream())
        .filter(graphics -> graphics.getAttribute("type").equals("vnc"))
        .filter(graphics -> graphics.getAttribute("port").matches("[0-9]+"))
        .findFirst()
        .map(
            graphics -> {
              String listen = graphics.getAttribute("listen");
              boolean everywhere =
                  listen.isEmpty() || listen.equals("0.0.0.0") || listen.equals("::");
              return new VncServer(
                  everywhere ? "127.0.0.1" : listen,
                  proxyClientAddress,
                  Integer.parseInt(graphics.getAttribute("port")));
            });
  }

  private static String choice(
      Map<String, String> properties, String key, String usual, Set<String> known) {
    String value = properties.getOrDefault(key, usual);
    if (!known.contains(value)) {
      throw new DriverException(
          Kind.ABORT,
          "Requested hardware '%s' of image property %s is not supported by libvirt"
              .formatted(value, key));
    }
    return value;
  }

  static boolean isTrue(String word) {
    return word != null && TRUE_WORDS.contains(word.toLowerCase(Locale.ROOT));
  }
}
