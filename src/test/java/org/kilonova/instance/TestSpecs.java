package org.kilonova.instance;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.network.Networks.RequestedNetwork;

/** Requests for tests. */
public final class TestSpecs {
  public static final FlavorSpec TINY =
      new FlavorSpec("1", "m1.tiny", 1, 256, 1, 0, 0, 1.0, Map.of());
  public static final ImageSpec IMAGE =
      new ImageSpec(
          "11111111-2222-3333-4444-555555555555",
          "test",
          "raw",
          "bare",
          null,
          1024,
          0,
          0,
          null,
          null,
          Map.of());
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private TestSpecs() {}

  /** A small instance without networks. */
  public static InstanceSpec spec(InstanceId id) {
    return spec(id, List.of());
  }

  /** A small instance. */
  public static InstanceSpec spec(InstanceId id, List<RequestedNetwork> networks) {
    return spec(id, networks, null);
  }

  /** A small instance without networks that belongs to a server group. */
  public static InstanceSpec spec(InstanceId id, ServerGroupRef group) {
    return spec(id, List.of(), group);
  }

  private static InstanceSpec spec(
      InstanceId id, List<RequestedNetwork> networks, ServerGroupRef group) {
    return new InstanceSpec(
        id,
        NUMBER.incrementAndGet(),
        "test-" + NUMBER.get(),
        "test",
        null,
        "project",
        "user",
        TINY,
        IMAGE,
        null,
        null,
        Map.of(),
        List.of(),
        false,
        List.of("default"),
        networks,
        null,
        null,
        null,
        null,
        "r-test",
        0,
        "secret",
        Map.of(),
        "MANUAL",
        null,
        null,
        List.of(),
        List.of(),
        group,
        "/dev/vda",
        Instant.parse("2026-11-21T00:00:00Z"));
  }
}
