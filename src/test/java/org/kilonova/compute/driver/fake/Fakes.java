package org.kilonova.compute.driver.fake;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;

/** Fake drivers and what to spawn on them. */
final class Fakes {
  static final HostId HOST = new HostId("host-1");
  static final Resources TOTAL = new Resources(64, 262_144, 4096);

  private Fakes() {}

  static FakeDriver.Settings settings(Path dir, HostId host, FakeBehaviour behaviour) {
    return new FakeDriver.Settings(
        host, dir, behaviour, TOTAL, Duration.ofMillis(5), Duration.ofMillis(10));
  }

  static FakeDriver works(Path dir, HostId host) {
    return new FakeDriver(settings(dir, host, FakeBehaviour.WORKS));
  }

  static DomainSpec spec(InstanceId id, Attempt attempt, int number, HostId host) {
    return new DomainSpec(
        id,
        attempt,
        number,
        "cloud",
        host,
        "vm",
        "vm",
        "project",
        "user",
        new FlavorSpec("1", "m1.tiny", 1, 512, 1, 0, 0, 1.0, Map.of()),
        new ImageSpec("image", "image", "raw", "bare", null, 1, 0, 0, null, null, Map.of()),
        List.of(),
        false,
        null,
        null,
        null,
        null,
        List.of(),
        Map.of(),
        "nova",
        "group");
  }
}
