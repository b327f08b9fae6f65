package org.kilonova.persistence;

import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import org.kilonova.kernel.ConfigurationException;

/** What a failure to connect means to an operator. Decides by SQLSTATE, never by the text. */
final class DatabaseProblem {
  static final String URL = "kilonova.database.url";
  static final String USER = "kilonova.database.user";
  static final String PASSWORD = "kilonova.database.password";

  /** xid8 and its functions came with 13; 14 is the oldest that is still maintained. */
  static final int OLDEST_MAJOR = 14;

  private DatabaseProblem() {}

  /**
   * Whether waiting can help: nobody listens yet, the server is starting or shutting down, has no
   * connection to spare, or the connection broke.
   */
  static boolean isPassing(SQLException e) {
    String state = state(e);
    return state.startsWith("57P") || state.equals("53300") || isUnreachable(state);
  }

  /**
   * The readable form.
   *
   * @param endpoint host, port and database, without any password
   * @param waited how long it was tried
   */
  static ConfigurationException readable(
      SQLException e, String endpoint, String user, Duration waited) {
    String state = state(e);
    return switch (state) {
      case "28P01", "08004" ->
          new ConfigurationException(
              PASSWORD,
              "PostgreSQL at %s refuses this password for user %s".formatted(endpoint, user),
              e);
      case "28000" ->
          new ConfigurationException(
              USER,
              "PostgreSQL at %s does not let user %s in: %s"
                  .formatted(endpoint, user, e.getMessage()),
              e);
      case "3D000" ->
          new ConfigurationException(
              URL,
              "the server has no such database (%s): create it, owned by user %s"
                  .formatted(endpoint, user),
              e);
      case "42501" ->
          new ConfigurationException(
              USER,
              "user %s may not create tables in %s: %s".formatted(user, endpoint, e.getMessage()),
              e);
      default -> {
        String tried = waited.isZero() ? "" : " (tried for %d s)".formatted(waited.toSeconds());
        String problem =
            isUnreachable(state)
                ? "no PostgreSQL answers at %s%s: %s".formatted(endpoint, tried, reason(e))
                : "PostgreSQL at %s cannot be used%s: %s".formatted(endpoint, tried, reason(e));
        yield new ConfigurationException(URL, problem, e, isPassing(e));
      }
    };
  }

  /** Refuses a server that lacks what the schema needs. */
  static void requireVersion(int major, String version, String endpoint) {
    if (major < OLDEST_MAJOR) {
      throw new ConfigurationException(
          URL,
          "PostgreSQL at %s is too old (%s): %d or later is needed"
              .formatted(endpoint, version, OLDEST_MAJOR));
    }
  }

  /** The SQL error in the causes of what a library threw. */
  static Optional<SQLException> sqlCause(Throwable thrown) {
    for (Throwable cause = thrown; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && sql.getSQLState() != null) {
        return Optional.of(sql);
      }
    }
    return Optional.empty();
  }

  private static boolean isUnreachable(String state) {
    return state.equals("08001") || state.equals("08006") || state.equals("08003");
  }

  private static String state(SQLException e) {
    return e.getSQLState() == null ? "" : e.getSQLState();
  }

  /** The innermost message: the driver's own says "check that the postmaster is accepting …". */
  private static String reason(SQLException e) {
    Throwable innermost = e;
    while (innermost.getCause() != null) {
      innermost = innermost.getCause();
    }
    String message = innermost.getMessage();
    return innermost.getClass().getSimpleName().equals("UnknownHostException")
        ? "unknown host " + message
        : message;
  }
}
