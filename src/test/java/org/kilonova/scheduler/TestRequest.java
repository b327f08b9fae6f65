package org.kilonova.scheduler;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/** What an instance needs: 1 CPU, 1 GiB, 1 GB, and whatever a test adds. */
public final class TestRequest {
  private InstanceId id = InstanceId.random();
  private Attempt attempt = Attempt.FIRST;
  private String project = "project";
  private int vcpus = 1;
  private long memoryMb = 1024;
  private long diskGb = 1;
  private final Map<String, String> extraSpecs = new TreeMap<>();
  private final Map<String, String> properties = new HashMap<>();
  private boolean fromVolume;
  private String zone;
  private String hostHint;
  private String nodeHint;
  private final Map<String, List<String>> hints = new HashMap<>();
  private ServerGroupRef group;
  private final Set<HostId> excluded = new HashSet<>();

  public static TestRequest request() {
    return new TestRequest();
  }

  public TestRequest id(InstanceId of) {
    id = of;
    return this;
  }

  public TestRequest attempt(int number) {
    attempt = new Attempt(number);
    return this;
  }

  public TestRequest project(String name) {
    project = name;
    return this;
  }

  public TestRequest takes(int cpus, long mb, long gb) {
    vcpus = cpus;
    memoryMb = mb;
    diskGb = gb;
    return this;
  }

  public TestRequest extraSpec(String key, String value) {
    extraSpecs.put(key, value);
    return this;
  }

  public TestRequest property(String key, String value) {
    properties.put(key, value);
    return this;
  }

  public TestRequest fromVolume() {
    fromVolume = true;
    return this;
  }

  public TestRequest zone(String name) {
    zone = name;
    return this;
  }

  public TestRequest hostHint(String name) {
    hostHint = name;
    return this;
  }

  public TestRequest nodeHint(String name) {
    nodeHint = name;
    return this;
  }

  public TestRequest hint(String key, String... values) {
    hints.put(key, List.of(values));
    return this;
  }

  public TestRequest group(String groupId, String policy, int maxServersPerHost) {
    group = new ServerGroupRef(groupId, policy, maxServersPerHost);
    return this;
  }

  public TestRequest excluded(String host) {
    excluded.add(new HostId(host));
    return this;
  }

  public RequestSpec build() {
    return new RequestSpec(
        id,
        attempt,
        project,
        new FlavorSpec("1", "flavor", vcpus, memoryMb, diskGb, 0, 0, 1.0, extraSpecs),
        fromVolume
            ? null
            : new ImageSpec("image", "image", "raw", "bare", null, 1, 0, 0, null, null, properties),
        zone,
        hostHint,
        nodeHint,
        hints,
        group,
        excluded,
        "req-1");
  }
}
