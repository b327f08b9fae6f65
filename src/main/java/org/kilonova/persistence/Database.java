package org.kilonova.persistence;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.locks.LockSupport;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.kernel.ConfigurationException;
import org.postgresql.Driver;
import org.postgresql.ds.PGSimpleDataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pool that everything but the journal uses, and the migrations. Blocking: use it from virtual
 * threads or the blocking dispatcher only.
 */
public final class Database implements AutoCloseable {
  /** How long {@link #open(Settings)} waits for a database that is still starting. */
  public static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final Logger LOG = LoggerFactory.getLogger(Database.class);

  /**
   * One statement of a migration, or waiting for another process's migrations, may take so long.
   */
  private static final int MIGRATION_SECONDS = 1_800;

  private static final Duration RETRY = Duration.ofMillis(500);

  /**
   * Where PostgreSQL is.
   *
   * @param url JDBC URL
   * @param password never logged
   * @param poolSize connections
   */
  public record Settings(String url, String user, String password, int poolSize) {
    /** Host, port and database: the URL without parameters, which may hold a password. */
    public String endpoint() {
      return url.replaceFirst("^jdbc:postgresql:/*", "").replaceFirst("\\?.*", "");
    }

    @Override
    public String toString() {
      return "Settings[" + endpoint() + " as " + user + "]";
    }
  }

  private final HikariDataSource dataSource;
  private final Jdbi jdbi;

  private Database(HikariDataSource dataSource) {
    this.dataSource = dataSource;
    this.jdbi = Jdbi.create(dataSource);
  }

  /** {@link #open(Settings, Duration)} with the usual {@link #PATIENCE}. */
  public static Database open(Settings settings) {
    return open(settings, PATIENCE);
  }

  /**
   * Connects and brings the schema up to date (Flyway takes a lock, so that nodes do not race).
   *
   * @param patience how long to wait for a database that does not answer or is starting; wrong
   *     settings are not waited for
   * @throws ConfigurationException that names the key, if it cannot be used as configured
   */
  public static Database open(Settings settings, Duration patience) {
    awaitUsable(settings, patience);
    HikariDataSource dataSource = new HikariDataSource(pool(settings));
    try {
      migrate(settings);
      return new Database(dataSource);
    } catch (RuntimeException e) {
      dataSource.close();
      throw e;
    }
  }

  /**
   * Whether a failure means that the database cannot be reached just now, so that trying again
   * helps.
   */
  public static boolean isUnavailable(Throwable failure) {
    return failure instanceof java.sql.SQLException e
        && (e instanceof java.sql.SQLTransientConnectionException || DatabaseProblem.isPassing(e));
  }

  public Jdbi jdbi() {
    return jdbi;
  }

  @Override
  public void close() {
    dataSource.close();
  }

  private static HikariConfig pool(Settings settings) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(settings.url());
    config.setUsername(settings.user());
    config.setPassword(settings.password());
    config.setMaximumPoolSize(settings.poolSize());
    config.setPoolName("kilonova");
    config.setAutoCommit(true);
    config.setConnectionTimeout(5_000);
    config.setValidationTimeout(2_000);
    connectionProperties("kilonova").forEach(config::addDataSourceProperty);
    return config;
  }

  /**
   * How each connection to PostgreSQL is set up, the journal's too: the driver's properties by
   * name.
   *
   * <p>Our statements are few, each finds its rows through an index, and each runs many times a
   * second. So they are prepared at their first use, and planned once for each connection and not
   * once for each execution: planning was half of PostgreSQL's work for a boot. A plan that is made
   * without knowing the arguments may look expensive enough for parallel workers or for machine
   * code; starting either takes longer than any of our statements.
   *
   * <p>A link that is cut says nothing: without time-outs we would wait for an answer for ever, and
   * the server would keep the locks, the transactions and the snapshot of a client that is not
   * there any more for hours, which holds up the read model.
   *
   * @param application what {@code pg_stat_activity} shows
   */
  public static Map<String, String> connectionProperties(String application) {
    return Map.of(
        "ApplicationName", application,
        "reWriteBatchedInserts", "true",
        "prepareThreshold", "1",
        "connectTimeout", "5",
        "socketTimeout", "15",
        "options",
            "-c plan_cache_mode=force_generic_plan"
                + " -c max_parallel_workers_per_gather=0 -c jit=off"
                + " -c tcp_keepalives_idle=3 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"
                + " -c tcp_user_timeout=9000 -c client_connection_check_interval=5000");
  }

  /**
   * One plain connection first: its errors are PostgreSQL's own, where the pool's and Flyway's are
   * time-outs and stack traces.
   */
  private static void awaitUsable(Settings settings, Duration patience) {
    if (!new Driver().acceptsURL(settings.url())) {
      throw new ConfigurationException(
          DatabaseProblem.URL, "it must look like jdbc:postgresql://host:port/database");
    }
    Properties properties = new Properties();
    properties.putAll(connectionProperties("kilonova-start"));
    properties.setProperty("user", settings.user());
    properties.setProperty("password", settings.password());
    long start = System.nanoTime();
    boolean told = false;
    while (true) {
      try (Connection connection = DriverManager.getConnection(settings.url(), properties)) {
        DatabaseMetaData server = connection.getMetaData();
        DatabaseProblem.requireVersion(
            server.getDatabaseMajorVersion(),
            server.getDatabaseProductVersion(),
            settings.endpoint());
        return;
      } catch (SQLException e) {
        Duration waited = Duration.ofNanos(System.nanoTime() - start);
        if (!DatabaseProblem.isPassing(e) || waited.compareTo(patience) >= 0) {
          throw DatabaseProblem.readable(e, settings.endpoint(), settings.user(), waited);
        }
        if (!told) {
          LOG.info("waiting for PostgreSQL at {}: {}", settings.endpoint(), e.getMessage());
          told = true;
        }
        // before any actor runs: nothing is held up by waiting here
        LockSupport.parkNanos(RETRY.toNanos());
      }
    }
  }

  private static void migrate(Settings settings) {
    PGSimpleDataSource patient = new PGSimpleDataSource();
    patient.setURL(settings.url());
    patient.setUser(settings.user());
    patient.setPassword(settings.password());
    patient.setSocketTimeout(MIGRATION_SECONDS);
    try {
      Flyway.configure()
          .dataSource(patient)
          .locations("classpath:db/migration")
          .loggers("slf4j")
          .load()
          .migrate();
    } catch (FlywayException e) {
      throw DatabaseProblem.sqlCause(e)
          .map(
              sql ->
                  DatabaseProblem.readable(
                      sql, settings.endpoint(), settings.user(), Duration.ZERO))
          .orElseGet(
              () ->
                  new ConfigurationException(
                      DatabaseProblem.URL,
                      "the schema of %s does not fit this version of Kilonova: %s"
                          .formatted(
                              settings.endpoint(), String.join(" ", e.getMessage().split("\\s+"))),
                      e));
    }
  }
}
