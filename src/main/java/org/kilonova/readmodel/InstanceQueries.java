package org.kilonova.readmodel;

import java.util.List;
import java.util.Optional;
import org.kilonova.kernel.InstanceId;

/**
 * Reads of the instance read model. What an accepted request has changed is visible here as soon as
 * the request was answered, on every node. All methods block.
 */
public interface InstanceQueries {
  /** One instance, deleted ones included. */
  Optional<InstanceRow> find(InstanceId id);

  /** The instance of this number, which its domain's name is made of; deleted ones included. */
  Optional<InstanceRow> find(int number);

  /**
   * One page of instances.
   *
   * @throws MarkerNotFoundException if the query's marker is not among the instances that its owner
   *     conditions allow
   * @throws BadPatternException if a pattern is no regular expression
   */
  Page list(InstanceQuery query);

  /**
   * A page.
   *
   * @param rows in the order asked for
   * @param nextMarker where the next page begins; null if this one was not full
   */
  record Page(List<InstanceRow> rows, InstanceId nextMarker) {}

  /** The marker names no instance. */
  final class MarkerNotFoundException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public MarkerNotFoundException(String marker) {
      super("marker [" + marker + "] not found");
    }
  }

  /** A pattern is no regular expression. */
  final class BadPatternException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public BadPatternException(String message) {
      super(message);
    }
  }
}
