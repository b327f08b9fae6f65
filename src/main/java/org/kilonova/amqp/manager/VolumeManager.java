package org.kilonova.amqp.manager;

import java.util.List;
import org.kilonova.amqp.service.Manager;

/**
 * Topic {@code volume}, as {@code nova-volume} and {@code cinder-volume}. Volumes come with a later
 * capability: until then every method ({@code create_volume}, {@code delete_volume}, {@code
 * initialize_connection}, {@code attach_volume} ...) says so, which is better than a peer that
 * waits.
 */
public final class VolumeManager implements Manager {
  VolumeManager() {}

  @Override
  public String topic() {
    return "volume";
  }

  /** Of nova-volume and of cinder to today. */
  @Override
  public List<String> versions() {
    return List.of("1.40", "2.10", "3.19");
  }

  @Override
  public Fallback fallback() {
    return call -> {
      throw Refusals.notYet("Volumes");
    };
  }
}
