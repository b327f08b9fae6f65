package org.kilonova.persistence;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import org.flywaydb.core.Flyway;
import org.jdbi.v3.core.Jdbi;

/**
 * The pool that everything but the journal uses, and the migrations. Blocking: use it from virtual
 * threads or the blocking dispatcher only.
 */
public final class Database implements AutoCloseable {
  /**
   * Where PostgreSQL is.
   *
   * @param url JDBC URL
   * @param password never logged
   * @param poolSize connections
   */
  public record Settings(String url, String user, String password, int poolSize) {
    @Override
    public String toString() {
      return "Settings[" + url + " as " + user + "]";
    }
  }

  private final HikariDataSource dataSource;
  private final Jdbi jdbi;

  private Database(HikariDataSource dataSource) {
    this.dataSource = dataSource;
    this.jdbi = Jdbi.create(dataSource);
  }

  /** Connects and brings the schema up to date (Flyway takes a lock, so that nodes do not race). */
  public static Database open(Settings settings) {
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl(settings.url());
    config.setUsername(settings.user());
    config.setPassword(settings.password());
    config.setMaximumPoolSize(settings.poolSize());
    config.setPoolName("kilonova");
    config.setAutoCommit(true);
    config.setConnectionTimeout(5_000);
    config.addDataSourceProperty("reWriteBatchedInserts", "true");
    config.addDataSourceProperty("ApplicationName", "kilonova");
    HikariDataSource dataSource = new HikariDataSource(config);
    Flyway.configure().dataSource(dataSource).locations("classpath:db/migration").load().migrate();
    return new Database(dataSource);
  }

  public Jdbi jdbi() {
    return jdbi;
  }

  @Override
  public void close() {
    dataSource.close();
  }
}
