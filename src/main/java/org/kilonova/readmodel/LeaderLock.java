package org.kilonova.readmodel;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;
import org.kilonova.persistence.Database;

/**
 * Says which controller projects the journal and runs the watchdog: the one that holds an advisory
 * lock of PostgreSQL, on a connection of its own. When that process dies its session ends and the
 * lock is free within a moment, much sooner than a cluster singleton moves; and whoever holds it
 * can reach the database, which is all that this work needs. It is only an economy: two holders
 * would do no harm.
 *
 * <p>Blocks. Once closed it never takes the lock again, also not from a step that was under way
 * then.
 */
public final class LeaderLock implements AutoCloseable {
  private static final long KEY = 0x4b494c4f4e4f5641L; // "KILONOVA"

  private final Database.Settings settings;
  private Connection connection;
  private boolean closed;

  public LeaderLock(Database.Settings settings) {
    this.settings = settings;
  }

  /** Takes the lock if it is free, or keeps it. Never waits for another holder. */
  public synchronized boolean holds() {
    if (closed) {
      return false;
    }
    try {
      if (connection != null && connection.isValid(2)) {
        return true;
      }
      release();
      Connection fresh = connect();
      try (PreparedStatement query = fresh.prepareStatement("SELECT pg_try_advisory_lock(?)")) {
        query.setLong(1, KEY);
        try (ResultSet result = query.executeQuery()) {
          result.next();
          if (result.getBoolean(1)) {
            connection = fresh;
            return true;
          }
        }
      }
      fresh.close();
      return false;
    } catch (SQLException e) {
      release();
      return false;
    }
  }

  private Connection connect() throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", settings.user());
    properties.setProperty("password", settings.password());
    properties.setProperty("ApplicationName", "kilonova-leader");
    properties.setProperty("connectTimeout", "3");
    properties.setProperty("socketTimeout", "5");
    // A holder that was cut off from the network must not keep the lock for TCP's two hours.
    properties.setProperty(
        "options",
        "-c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=2");
    return DriverManager.getConnection(settings.url(), properties);
  }

  @Override
  public synchronized void close() {
    closed = true;
    release();
  }

  private void release() {
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException e) {
        // it is gone either way
      }
      connection = null;
    }
  }
}
