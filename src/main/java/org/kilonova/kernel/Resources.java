package org.kilonova.kernel;

/**
 * What an instance takes of a host, or what a host has.
 *
 * @param vcpus virtual CPUs
 * @param memoryMb memory in MiB
 * @param diskGb root + ephemeral + swap (rounded up) in GiB
 */
public record Resources(int vcpus, long memoryMb, long diskGb) {
  public static final Resources NONE = new Resources(0, 0, 0);

  public Resources plus(Resources other) {
    return new Resources(vcpus + other.vcpus, memoryMb + other.memoryMb, diskGb + other.diskGb);
  }

  public Resources minus(Resources other) {
    return new Resources(vcpus - other.vcpus, memoryMb - other.memoryMb, diskGb - other.diskGb);
  }
}
