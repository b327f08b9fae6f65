package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.kilonova.compute.driver.libvirt.DiskPlan.Disk;
import org.kilonova.compute.driver.libvirt.DiskPlan.Role;

class DiskPlanTest {
  private static final long GIB = 1L << 30;
  private final Specs guest = Specs.guest();

  @Test
  void a_plain_guest_has_only_a_root_disk() {
    assertThat(DiskPlan.of(guest.attempt(1), false, null).disks())
        .containsExactly(new Disk(Role.ROOT, "disk", "qcow2", "disk", "virtio", "vda", GIB));
  }

  @Test
  void ephemeral_and_swap_follow_the_root_and_the_config_drive_is_a_cdrom() {
    guest.flavor = Specs.flavor(1, 64, 1, 2, 512);
    assertThat(DiskPlan.of(guest.attempt(1), true, null).disks())
        .extracting(Disk::role, Disk::target, Disk::sizeBytes)
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple(Role.ROOT, "vda", GIB),
            org.assertj.core.groups.Tuple.tuple(Role.EPHEMERAL, "vdb", 2 * GIB),
            org.assertj.core.groups.Tuple.tuple(Role.SWAP, "vdc", 512L << 20),
            org.assertj.core.groups.Tuple.tuple(Role.CONFIG_DRIVE, "hda", 0L));
  }

  @Test
  void disks_of_one_prefix_share_one_row_of_names() {
    guest.image = Specs.diskImage("raw", Map.of("hw_disk_bus", "scsi"));
    assertThat(DiskPlan.of(guest.attempt(1), true, "pc-q35-7.2").disks())
        .extracting(d -> d.bus() + ":" + d.target())
        .containsExactly("scsi:sda", "sata:sdb");
  }

  @Test
  void the_root_disk_grows_to_the_flavor() {
    assertThat(DiskPlan.rootSize(guest.flavor, 5)).isEqualTo(GIB);
  }

  @Test
  void a_flavor_without_a_disk_takes_the_image_s_size() {
    assertThat(DiskPlan.rootSize(Specs.flavor(1, 64, 0, 0, 0), 3 * GIB)).isEqualTo(3 * GIB);
  }

  @Test
  void the_root_disk_is_never_shrunk() {
    assertThatThrownBy(() -> DiskPlan.rootSize(guest.flavor, GIB + 1))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.ABORT))
        .hasMessage(
            "Flavor's disk is too small for requested image. Flavor disk is 1073741824 bytes, image"
                + " is 1073741825 bytes.");
  }
}
