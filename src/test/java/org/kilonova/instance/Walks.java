package org.kilonova.instance;

import java.util.List;
import org.kilonova.instance.BootWalkModel.Sabotage;

/** Journals of instances to which everything may happen, for tests of what is made of them. */
public final class Walks {
  private Walks() {}

  /** A boot in a world that goes wrong; one seed is one story. */
  public static List<InstanceEvent> boot(long seed) {
    BootWalkModel model = new BootWalkModel(seed, Sabotage.NONE);
    model.play();
    return model.journal();
  }

  /** Lives that together take every arrow of the state machine. */
  public static List<List<InstanceEvent>> lives() {
    return Scenarios.all().stream().map(lab -> List.copyOf(lab.journal)).toList();
  }
}
