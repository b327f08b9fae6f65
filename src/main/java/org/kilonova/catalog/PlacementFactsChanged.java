package org.kilonova.catalog;

/** Is told after aggregates or services have changed, when the change is committed. */
@FunctionalInterface
public interface PlacementFactsChanged {
  void changed();
}
