package org.kilonova.compute.driver.fake;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The family of fakes: Nova's {@code nova/virt/fake.py} has the same idea. */
public enum FakeBehaviour {
  /** Everything works at once. */
  WORKS,
  /** Everything works, after a while. */
  SLOW,
  /**
   * An instance's first attempt fails so that another host is tried; later ones work. By the
   * attempt's number, so that it holds over hosts and restarts.
   */
  FAILS_ONCE,
  /** Every spawn fails so that another host is tried. */
  ALWAYS_FAILS,
  /** Every spawn fails for good, as with a broken image. */
  ABORTS,
  /** Works, on a host with room for very little. */
  SMALL_HOST,
  /**
   * The hypervisor works, but a part of what the agent reports about it never arrives: see {@link
   * FakeDriver#losesReport}.
   */
  LOSES_REPORTS;

  /** The name in the configuration, e.g. {@code fails-once}. */
  public String configName() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The behaviour of that name in the configuration. */
  public static Optional<FakeBehaviour> named(String configName) {
    return Arrays.stream(values()).filter(b -> b.configName().equals(configName)).findFirst();
  }
}
