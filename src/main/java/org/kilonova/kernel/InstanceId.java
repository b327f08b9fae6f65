package org.kilonova.kernel;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.UUID;

/**
 * The uuid of one instance: Nova's {@code instance.uuid}, the libvirt domain's uuid, the sharding
 * entity id and the persistence id, all the same value, so that nothing ever has to be looked up to
 * find the one from the other.
 */
public record InstanceId(UUID uuid) {
  /** A fresh random id. */
  public static InstanceId random() {
    return new InstanceId(UUID.randomUUID());
  }

  /**
   * Parses the canonical form.
   *
   * @throws IllegalArgumentException if {@code text} is not a uuid
   */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public static InstanceId of(String text) {
    return new InstanceId(UUID.fromString(text));
  }

  @JsonValue
  @Override
  public String toString() {
    return uuid.toString();
  }
}
