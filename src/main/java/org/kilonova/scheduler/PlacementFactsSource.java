package org.kilonova.scheduler;

import java.util.concurrent.CompletionStage;
import org.kilonova.scheduler.SchedulerProtocol.PlacementFacts;

/**
 * Where the facts come from that administrators set: the port to the tables of aggregates and
 * services. The scheduler asks at its start and every half minute, and is told of changes in
 * between ({@link SchedulerProtocol.FactsChanged}); of two answers the one with the higher version
 * counts.
 */
@FunctionalInterface
public interface PlacementFactsSource {
  /** Reads the facts. Returns at once; the work is done elsewhere, never on the caller's thread. */
  CompletionStage<PlacementFacts> load();
}
