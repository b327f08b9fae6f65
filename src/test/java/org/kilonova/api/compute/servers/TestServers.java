package org.kilonova.api.compute.servers;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.NetworkAllocated;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.InstanceTransitions;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;

/** Servers for tests, made by the real transitions. */
final class TestServers {
  static final Instant T0 = Instant.parse("2026-01-02T03:04:05.123456Z");
  static final String PROJECT = "6f70656e737461636b20342065766572";
  static final String IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b";
  static final String KERNEL = "70a599e0-31e7-49b7-b260-868f441e862c";
  static final String GROUP = "616fb98f-46ca-475e-917e-2563e5a8cd19";
  static final HostId HOST = new HostId("compute1");
  static final ActionContext CREATE = new ActionContext("req-create", "user1", PROJECT);
  static final FlavorSpec FLAVOR =
      new FlavorSpec("1", "m1.tiny", 1, 512, 1, 0, 0, 1.0, Map.of("hw:numa_nodes", "1"));

  private TestServers() {}

  static ImageSpec image() {
    return new ImageSpec(
        IMAGE, "cirros", "ami", "ami", "c0ffee", 1024, 0, 0, KERNEL, null, Map.of());
  }

  static InstanceSpec spec(InstanceId id, String name) {
    return spec(id, name, PROJECT, 0);
  }

  static InstanceSpec spec(InstanceId id, String name, String project, int number) {
    return new InstanceSpec(
        id,
        number,
        name,
        name.toLowerCase(Locale.ROOT),
        "about " + name,
        project,
        "user1",
        FLAVOR,
        image(),
        "key1",
        "ssh-rsa AAAA",
        Map.of("role", "web"),
        List.of(),
        true,
        List.of("default"),
        List.of(),
        "aGVsbG8=",
        null,
        null,
        null,
        "r-12345678",
        0,
        "secret",
        Map.of(),
        "AUTO",
        "192.0.2.1",
        null,
        List.of("blue"),
        List.of("cert1"),
        new ServerGroupRef(GROUP, "anti-affinity", 1),
        "/dev/vda",
        T0);
  }

  static Nic nic(String address) {
    return new Nic(
        "ce531f90-199f-48c0-816c-13e38010b442",
        "net1",
        "private",
        "fa:16:3e:4c:2c:30",
        List.of(address),
        "br0",
        "10.0.0.0/24",
        "10.0.0.1",
        List.of(),
        1500);
  }

  static Present after(InstanceEvent... events) {
    InstanceState state = new Absent();
    for (InstanceEvent event : events) {
      state = InstanceTransitions.apply(state, event);
    }
    return (Present) state;
  }

  static Present then(Present before, InstanceEvent event) {
    return (Present) InstanceTransitions.apply(before, event);
  }

  static Instant at(int second) {
    return T0.plusSeconds(second);
  }

  static InstanceRequested requested(InstanceSpec spec) {
    return new InstanceRequested(spec, CREATE, at(0));
  }

  static HostSelected selected() {
    return new HostSelected(
        Attempt.FIRST, candidate(HOST.name()), List.of(), "chosen of 3 hosts", at(1));
  }

  static Candidate candidate(String host) {
    return new Candidate(new HostId(host), host + ".example.org", "nova");
  }

  static NetworkAllocated allocated(String address) {
    return new NetworkAllocated(Attempt.FIRST, List.of(nic(address)), at(2));
  }

  static BlockDevicesMapped mapped() {
    return new BlockDevicesMapped(Attempt.FIRST, at(3));
  }

  static SpawnConfirmed confirmed() {
    return new SpawnConfirmed(Attempt.FIRST, HOST, at(4));
  }

  static InstanceActivated activated() {
    return new InstanceActivated(Attempt.FIRST, PowerState.RUNNING, at(5));
  }

  static Present building(InstanceSpec spec) {
    return after(requested(spec));
  }

  static Present active(InstanceSpec spec) {
    return after(
        requested(spec), selected(), allocated("10.0.0.4"), mapped(), confirmed(), activated());
  }
}
