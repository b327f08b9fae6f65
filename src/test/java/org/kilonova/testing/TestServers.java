package org.kilonova.testing;

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
public final class TestServers {
  public static final Instant T0 = Instant.parse("2026-01-02T03:04:05.123456Z");
  public static final String PROJECT = "6f70656e737461636b20342065766572";
  public static final String IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b";
  public static final String KERNEL = "70a599e0-31e7-49b7-b260-868f441e862c";
  public static final String GROUP = "616fb98f-46ca-475e-917e-2563e5a8cd19";
  public static final HostId HOST = new HostId("compute1");
  public static final ActionContext CREATE = new ActionContext("req-create", "user1", PROJECT);
  public static final FlavorSpec FLAVOR =
      new FlavorSpec("1", "m1.tiny", 1, 512, 1, 0, 0, 1.0, Map.of("hw:numa_nodes", "1"));

  private TestServers() {}

  public static ImageSpec image() {
    return new ImageSpec(
        IMAGE, "cirros", "ami", "ami", "c0ffee", 1024, 0, 0, KERNEL, null, Map.of());
  }

  public static InstanceSpec spec(InstanceId id, String name) {
    return spec(id, name, PROJECT, 0);
  }

  public static InstanceSpec spec(InstanceId id, String name, String project, int number) {
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

  public static Nic nic(String address) {
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

  public static Present after(InstanceEvent... events) {
    InstanceState state = new Absent();
    for (InstanceEvent event : events) {
      state = InstanceTransitions.apply(state, event);
    }
    return (Present) state;
  }

  public static Present then(Present before, InstanceEvent event) {
    return (Present) InstanceTransitions.apply(before, event);
  }

  public static Instant at(int second) {
    return T0.plusSeconds(second);
  }

  public static InstanceRequested requested(InstanceSpec spec) {
    return new InstanceRequested(spec, CREATE, at(0));
  }

  public static HostSelected selected() {
    return new HostSelected(
        Attempt.FIRST, candidate(HOST.name()), List.of(), "chosen of 3 hosts", at(1));
  }

  public static Candidate candidate(String host) {
    return new Candidate(new HostId(host), host + ".example.org", "nova");
  }

  public static NetworkAllocated allocated(String address) {
    return new NetworkAllocated(Attempt.FIRST, List.of(nic(address)), at(2));
  }

  public static BlockDevicesMapped mapped() {
    return new BlockDevicesMapped(Attempt.FIRST, at(3));
  }

  public static SpawnConfirmed confirmed() {
    return new SpawnConfirmed(Attempt.FIRST, HOST, at(4));
  }

  public static InstanceActivated activated() {
    return new InstanceActivated(Attempt.FIRST, PowerState.RUNNING, at(5));
  }

  public static Present building(InstanceSpec spec) {
    return after(requested(spec));
  }

  public static Present active(InstanceSpec spec) {
    return after(
        requested(spec), selected(), allocated("10.0.0.4"), mapped(), confirmed(), activated());
  }
}
