package org.kilonova.kernel;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** The name of a compute host, as {@code OS-EXT-SRV-ATTR:host} shows it. */
public record HostId(@JsonValue String name) implements Comparable<HostId> {
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public HostId {
    if (name == null || name.isBlank()) {
      throw new IllegalArgumentException("a host needs a name");
    }
  }

  @Override
  public int compareTo(HostId other) {
    return name.compareTo(other.name);
  }

  @Override
  public String toString() {
    return name;
  }
}
