package org.kilonova.kernel;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/**
 * The number of one try to place and start an instance, 1 for the first. It only grows. Every
 * message about an instance that crosses a node carries it, receivers refuse lower ones, and it
 * stands in the domain's metadata: this is what keeps a late message of an abandoned attempt from
 * doing harm.
 */
public record Attempt(@JsonValue int number) implements Comparable<Attempt> {
  public static final Attempt FIRST = new Attempt(1);

  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
  public Attempt {
    if (number < 1) {
      throw new IllegalArgumentException("attempts count from 1, not " + number);
    }
  }

  public Attempt next() {
    return new Attempt(number + 1);
  }

  public boolean isOlderThan(Attempt other) {
    return number < other.number;
  }

  @Override
  public int compareTo(Attempt other) {
    return Integer.compare(number, other.number);
  }

  @Override
  public String toString() {
    return Integer.toString(number);
  }
}
