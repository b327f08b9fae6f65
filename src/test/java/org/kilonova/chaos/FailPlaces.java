package org.kilonova.chaos;

import java.util.List;
import java.util.stream.Stream;

/** The places at which the product can be made to die; see {@code FailPoint}. */
final class FailPlaces {
  static final List<String> OF_CONTROLLERS =
      List.of(
          "api-before-persist",
          "api-after-persist",
          "entity-after-InstanceRequested",
          "entity-after-HostSelected",
          "entity-after-NetworkAllocated",
          "entity-after-BlockDevicesMapped",
          "entity-after-SpawnConfirmed",
          "entity-after-InstanceActivated",
          "scheduler-before-answer",
          "scheduler-after-answer");

  static final List<String> OF_AGENTS =
      List.of(
          "agent-before-claim",
          "agent-after-claim",
          "agent-after-DEFINED",
          "agent-after-STARTED_PAUSED",
          "agent-before-report",
          "agent-after-report",
          "agent-after-resume");

  static final List<String> ALL =
      Stream.of(OF_CONTROLLERS, OF_AGENTS).flatMap(List::stream).toList();

  private FailPlaces() {}
}
