package org.kilonova.compute.driver.libvirt;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.Nic;

/**
 * The config drive: a small ISO 9660 disk with the label {@code config-2} that carries to the guest
 * what the metadata service would tell it, plus the administrator's password and the injected
 * files. The documents are those of nova/virt/configdrive.py and nova/api/metadata/base.py.
 */
final class ConfigDrive {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final SecureRandom RANDOM = new SecureRandom();
  private static final int RANDOM_SEED_BYTES = 512;

  private ConfigDrive() {}

  /**
   * Whether a guest gets one: if the request or the image demands it, and whenever there are
   * injected files, which have no other way into the guest.
   */
  static boolean isWanted(DomainSpec spec, boolean always) {
    return always
        || spec.configDrive()
        || "mandatory".equals(spec.image().properties().get("img_config_drive"))
        || !spec.files().isEmpty();
  }

  /** The drive's files by their path in it. */
  static SortedMap<String, byte[]> contents(DomainSpec spec) {
    SortedMap<String, byte[]> files = new TreeMap<>();
    List<Map<String, String>> injected = new ArrayList<>();
    for (InjectedFile file : spec.files()) {
      String content = "/content/%04d".formatted(injected.size());
      injected.add(Map.of("path", file.path(), "content_path", content));
      files.put("openstack" + content, decode(file.contents(), "the injected file"));
    }
    files.put("openstack/latest/meta_data.json", json(metaData(spec, injected)));
    files.put("openstack/latest/network_data.json", json(networkData(spec.nics())));
    files.put("openstack/latest/vendor_data.json", json(Map.of()));
    files.put("openstack/latest/vendor_data2.json", json(Map.of()));
    if (spec.userData() != null) {
      files.put("openstack/latest/user_data", decode(spec.userData(), "user_data"));
    }
    return files;
  }

  private static Map<String, Object> metaData(
      DomainSpec spec, List<Map<String, String>> injectedFiles) {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("uuid", spec.id().toString());
    data.put("name", spec.displayName());
    data.put("hostname", spec.hostname());
    data.put("availability_zone", spec.availabilityZone());
    data.put("launch_index", 0);
    data.put("project_id", spec.projectId());
    data.put("meta", new TreeMap<>(spec.metadata()));
    data.put("devices", List.of());
    if (spec.keyPublic() != null) {
      String name = spec.keyName() == null ? "default" : spec.keyName();
      data.put("public_keys", Map.of(name, spec.keyPublic()));
      data.put("keys", List.of(Map.of("name", name, "type", "ssh", "data", spec.keyPublic())));
    }
    if (spec.adminPass() != null) {
      data.put("admin_pass", spec.adminPass());
    }
    if (!injectedFiles.isEmpty()) {
      data.put("files", injectedFiles);
    }
    byte[] seed = new byte[RANDOM_SEED_BYTES];
    RANDOM.nextBytes(seed);
    data.put("random_seed", Base64.getEncoder().encodeToString(seed));
    return data;
  }

  private static Map<String, Object> networkData(List<Nic> nics) {
    List<Object> links = new ArrayList<>();
    List<Object> networks = new ArrayList<>();
    List<Object> services = new ArrayList<>();
    for (Nic nic : nics) {
      Map<String, Object> link = new LinkedHashMap<>();
      link.put("id", nic.tapName());
      link.put("vif_id", nic.portId());
      link.put("type", "bridge");
      link.put("mtu", nic.mtu());
      link.put("ethernet_mac_address", nic.mac());
      links.add(link);
      Map<String, Object> network = new LinkedHashMap<>();
      network.put("id", "network" + networks.size());
      network.put("type", "ipv4_dhcp");
      network.put("link", nic.tapName());
      network.put("network_id", nic.networkId());
      networks.add(network);
      nic.dnsServers().forEach(dns -> services.add(Map.of("type", "dns", "address", dns)));
    }
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("links", links);
    data.put("networks", networks);
    data.put("services", services);
    return data;
  }

  /**
   * Makes the drive.
   *
   * @param target does not exist yet
   * @param staging a directory name of our own beside it; it holds secrets and is gone afterwards
   */
  static void write(
      DomainSpec spec, Path target, Path staging, HostCommands commands, Duration deadline)
      throws IOException {
    InstanceStore.deleteTree(staging);
    try {
      Files.createDirectory(
          staging,
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
      for (Map.Entry<String, byte[]> file : contents(spec).entrySet()) {
        Path path = staging.resolve(file.getKey());
        Files.createDirectories(path.getParent());
        Files.write(path, file.getValue());
      }
      List<String> command = new ArrayList<>();
      if (commands.has("xorriso") && !commands.has("genisoimage")) {
        command.addAll(List.of("xorriso", "-as", "mkisofs"));
      } else {
        command.addAll(
            List.of("genisoimage", "-ldots", "-allow-lowercase", "-allow-multidot", "-l"));
      }
      command.addAll(
          List.of(
              "-o", target.toString(), "-quiet", "-J", "-r", "-V", "config-2", staging.toString()));
      commands.run(deadline, command.toArray(String[]::new));
    } finally {
      InstanceStore.deleteTree(staging);
    }
  }

  private static byte[] json(Object document) {
    try {
      return JSON.writeValueAsString(document).getBytes(StandardCharsets.UTF_8);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static byte[] decode(String base64, String what) {
    try {
      return Base64.getMimeDecoder().decode(base64);
    } catch (IllegalArgumentException e) {
      throw new DriverException(Kind.ABORT, what + " is not valid base64", e);
    }
  }
}
