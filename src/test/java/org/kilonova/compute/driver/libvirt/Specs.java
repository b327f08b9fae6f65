package org.kilonova.compute.driver.libvirt;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;

/** A small guest, to be changed by each test where it matters. */
final class Specs {
  InstanceId id = InstanceId.of("11111111-2222-3333-4444-555555555555");
  int number = 0x2a;
  String cloudId = "cloud-1";
  HostId host = new HostId("host-1");
  String displayName = "web";
  FlavorSpec flavor = flavor(1, 128, 1, 0, 0);
  ImageSpec image = diskImage("qcow2", Map.of());
  List<Nic> nics = new ArrayList<>();
  boolean configDrive;
  String keyPublic;
  String userData;
  String adminPass;
  List<InjectedFile> files = List.of();
  String serverGroup;

  static Specs guest() {
    return new Specs();
  }

  static FlavorSpec flavor(int vcpus, long memoryMb, long diskGb, long ephemeralGb, long swapMb) {
    return new FlavorSpec(
        "1", "m1.tiny", vcpus, memoryMb, diskGb, ephemeralGb, swapMb, 1.0, Map.of());
  }

  static ImageSpec diskImage(String format, Map<String, String> properties) {
    return new ImageSpec(
        "aaaaaaaa-0000-0000-0000-000000000001",
        "debian",
        format,
        "bare",
        "d41d8cd98f00b204e9800998ecf8427e",
        1024,
        0,
        0,
        null,
        null,
        new TreeMap<>(properties));
  }

  static ImageSpec threePartImage(Map<String, String> properties) {
    return new ImageSpec(
        "aaaaaaaa-0000-0000-0000-000000000002",
        "demo",
        "ami",
        "ami",
        null,
        1024,
        0,
        0,
        "aaaaaaaa-0000-0000-0000-000000000003",
        "aaaaaaaa-0000-0000-0000-000000000004",
        new TreeMap<>(properties));
  }

  static Nic nic() {
    return new Nic(
        "bbbbbbbb-0000-0000-0000-000000000001",
        "cccccccc-0000-0000-0000-000000000001",
        "flat",
        "fa:16:3e:00:00:01",
        List.of("198.18.0.5"),
        "knbr0",
        "198.18.0.0/24",
        "198.18.0.1",
        List.of("198.18.0.1"),
        1400);
  }

  DomainSpec attempt(int attempt) {
    return new DomainSpec(
        id,
        new Attempt(attempt),
        number,
        cloudId,
        host,
        displayName,
        "web",
        "project-1",
        "user-1",
        flavor,
        image,
        List.copyOf(nics),
        configDrive,
        keyPublic == null ? null : "key-1",
        keyPublic,
        userData,
        adminPass,
        files,
        Map.of("role", "test"),
        "nova",
        serverGroup);
  }
}
