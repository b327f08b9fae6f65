package org.kilonova.testing;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.kilonova.persistence.Database;

/**
 * Gives each test class a fresh, migrated database on a real PostgreSQL:
 * {@code @ExtendWith(PostgresExtension.class)}, then a parameter of type {@link Database} (a pool)
 * or {@link Database.Settings} (to open further pools, or for other processes) of a constructor,
 * test or set-up method. Nested classes share the database of the class around them.
 */
public final class PostgresExtension implements ParameterResolver {
  private static final Namespace NAMESPACE = Namespace.create(PostgresExtension.class);

  /** The database of one test class. JUnit closes it after the class. */
  private static final class FreshDatabase implements AutoCloseable {
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final TestPostgres server;
    private final String name =
        TestPostgres.DATABASE_PREFIX
            + ProcessHandle.current().pid()
            + "_"
            + COUNT.incrementAndGet();
    private final Database.Settings settings;
    private Database database;

    FreshDatabase(TestPostgres server) {
      this.server = server;
      this.settings = server.createDatabase(name);
    }

    synchronized Database database() {
      if (database == null) {
        database = Database.open(settings);
      }
      return database;
    }

    @Override
    public synchronized void close() {
      if (database != null) {
        database.close();
      }
      server.dropDatabase(name);
    }
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == Database.class || type == Database.Settings.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    FreshDatabase fresh =
        outermostClass(context)
            .getStore(NAMESPACE)
            .getOrComputeIfAbsent(
                FreshDatabase.class,
                key -> new FreshDatabase(server(context)),
                FreshDatabase.class);
    return parameter.getParameter().getType() == Database.class ? fresh.database() : fresh.settings;
  }

  private static TestPostgres server(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(NAMESPACE)
        .getOrComputeIfAbsent(
            TestPostgres.class,
            key -> {
              try {
                return TestPostgres.join();
              } catch (IOException e) {
                throw new IllegalStateException("no PostgreSQL for the tests", e);
              }
            },
            TestPostgres.class);
  }

  private static ExtensionContext outermostClass(ExtensionContext context) {
    ExtensionContext outermost = context;
    for (ExtensionContext at = context; at.getTestClass().isPresent(); ) {
      outermost = at;
      at = at.getParent().orElseThrow();
    }
    return outermost;
  }
}
