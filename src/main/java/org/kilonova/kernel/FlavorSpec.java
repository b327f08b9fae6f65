package org.kilonova.kernel;

import java.util.Map;

/**
 * A flavor as it was when the instance was created; later edits of the flavor do not touch
 * instances (as in Nova, which embeds it since 2.47).
 *
 * @param id the flavor id that users see
 * @param name its name ({@code original_name} inside a server)
 * @param memoryMb MiB
 * @param diskGb root disk in GiB, 0 = the image's size
 * @param ephemeralGb GiB
 * @param swapMb MiB
 * @param extraSpecs the flavor's extra specs, sorted by key
 */
public record FlavorSpec(
    String id,
    String name,
    int vcpus,
    long memoryMb,
    long diskGb,
    long ephemeralGb,
    long swapMb,
    double rxtxFactor,
    Map<String, String> extraSpecs) {
  /** What an instance of this flavor claims on its host. */
  public Resources resources() {
    return new Resources(vcpus, memoryMb, diskGb + ephemeralGb + (swapMb + 1023) / 1024);
  }
}
