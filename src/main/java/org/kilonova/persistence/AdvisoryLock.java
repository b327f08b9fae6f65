package org.kilonova.persistence;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Properties;

/**
 * A lock that the database knows by a number, held by a session of its own: when the process dies
 * or is cut off its session ends, and the lock is free a moment after that. So whoever holds it was
 * alive, and could reach the database, a moment ago; no more than that.
 *
 * <p>Blocks for some seconds at most, and never waits for another holder. Once closed it never
 * takes the lock again, also not from a step that was under way then.
 */
public final class AdvisoryLock implements AutoCloseable {
  /** Alone, or together with others that share it. */
  public enum Mode {
    EXCLUSIVE("SELECT pg_try_advisory_lock(?)", "SELECT pg_advisory_unlock(?)"),
    SHARED("SELECT pg_try_advisory_lock_shared(?)", "SELECT pg_advisory_unlock_shared(?)");

    private final String take;
    private final String giveBack;

    Mode(String take, String giveBack) {
      this.take = take;
      this.giveBack = giveBack;
    }
  }

  private final Database.Settings settings;
  private final String name;
  private final long key;
  private Connection connection;
  private Mode held;
  private boolean closed;

  /**
   * A lock that is not held.
   *
   * @param name of its sessions, for those who look at them
   * @param key the same in all processes
   */
  public AdvisoryLock(Database.Settings settings, String name, long key) {
    this.settings = settings;
    this.name = name;
    this.key = key;
  }

  /**
   * Takes the lock if it can be had, or keeps it. From one mode to the other there is no moment in
   * which it is not held; if the other mode cannot be had it stays held as it was.
   *
   * @return whether it is held in this mode now
   */
  public synchronized boolean hold(Mode mode) {
    if (closed) {
      return false;
    }
    try {
      if (connection == null || !connection.isValid(2)) {
        release();
        connection = connect();
      }
      if (held == mode) {
        return true;
      }
      if (!ask(mode.take)) {
        return false;
      }
      if (held != null) {
        ask(held.giveBack);
      }
      held = mode;
      return true;
    } catch (SQLException e) {
      release();
      return false;
    }
  }

  /** Gives it back, if it is held; it can be taken again. */
  public synchronized void release() {
    held = null;
    if (connection != null) {
      try {
        connection.close();
      } catch (SQLException e) {
        // it is gone either way
      }
      connection = null;
    }
  }

  private boolean ask(String sql) throws SQLException {
    try (PreparedStatement query = connection.prepareStatement(sql)) {
      query.setLong(1, key);
      try (ResultSet result = query.executeQuery()) {
        return result.next() && result.getBoolean(1);
      }
    }
  }

  private Connection connect() throws SQLException {
    Properties properties = new Properties();
    properties.putAll(Database.connectionProperties(name));
    properties.setProperty("user", settings.user());
    properties.setProperty("password", settings.password());
    properties.setProperty("connectTimeout", "3");
    properties.setProperty("socketTimeout", "5");
    return DriverManager.getConnection(settings.url(), properties);
  }

  @Override
  public synchronized void close() {
    closed = true;
    release();
  }
}
