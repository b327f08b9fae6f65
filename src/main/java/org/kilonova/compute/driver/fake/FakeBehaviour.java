package org.kilonova.compute.driver.fake;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The family of fakes: Nova's {@code virt/fake.py} has the same idea. */
public enum FakeBehaviour {
  /** Everything works at once. */
  WORKS,
  /** Everything works, after a while. */
  SLOW,
  /** The first spawn of each instance on each host fails so that another host is tried. */
  FAILS_ONCE,
  /** Every spawn fails so that another host is tried. */
  ALWAYS_FAILS,
  /** Every spawn fails for good. */
  ABORTS,
  /** Works, on a host with room for very little. */
  SMALL_HOST;

  /** The name in the configuration, e.g. {@code fails-once}. */
  public String configName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  public static Optional<FakeBehaviour> named(String configName) {
    return Arrays.stream(values()).filter(b -> b.configName().equals(configName)).findFirst();
  }
}
