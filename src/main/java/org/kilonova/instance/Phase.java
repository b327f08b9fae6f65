package org.kilonova.instance;

/** The places of the transition table: the boot's steps one by one, then the settled states. */
public enum Phase {
  ABSENT,
  SCHEDULING,
  NETWORKING,
  BLOCK_DEVICE_MAPPING,
  SPAWNING,
  ACTIVATING,
  ACTIVE,
  STOPPED,
  ERROR,
  DELETING,
  DELETED
}
