package org.kilonova.persistence;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code postgres start|stop|status}: the embedded PostgreSQL as scripts use it. */
@Command(
    name = "postgres",
    description = "Runs the embedded PostgreSQL.",
    mixinStandardHelpOptions = true,
    subcommands = {
      PostgresCommand.Start.class,
      PostgresCommand.Stop.class,
      PostgresCommand.Status.class
    })
public final class PostgresCommand implements Runnable {
  @Spec private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  /** What the three have in common. */
  abstract static class InDirectory implements Callable<Integer> {
    @Spec CommandSpec spec;

    @Option(
        names = "--dir",
        required = true,
        paramLabel = "DIR",
        description = "where the database lies")
    Path dir;

    PrintWriter out() {
      return spec.commandLine().getOut();
    }
  }

  @Command(
      name = "start",
      description = {
        "Starts the server unless it runs, waits until it is ready, and prints the path of a file",
        "with url, user and password (readable by the owner only)."
      })
  static final class Start extends InDirectory {
    @Option(
        names = "--port",
        defaultValue = "15432",
        paramLabel = "P",
        description = "where it listens, ${DEFAULT-VALUE} if not given")
    int port;

    @Option(
        names = "--address",
        defaultValue = EmbeddedPostgres.LOOPBACK,
        paramLabel = "A",
        description = "of this machine, for processes on others; ${DEFAULT-VALUE} if not given")
    String address;

    @Override
    public Integer call() {
      EmbeddedPostgres.start(dir, address, port);
      out().println(dir.resolve("connection.properties").toAbsolutePath().normalize());
      return 0;
    }
  }

  @Command(name = "stop", description = "Shuts the server down; done already is done.")
  static final class Stop extends InDirectory {
    @Override
    public Integer call() {
      out().println(EmbeddedPostgres.stop(dir) ? "stopped" : "not running");
      return 0;
    }
  }

  @Command(name = "status", description = "Says whether the server runs; exit code 1 if not.")
  static final class Status extends InDirectory {
    @Override
    public Integer call() {
      Optional<EmbeddedPostgres.Status> status = EmbeddedPostgres.status(dir);
      out()
          .println(
              status
                  .map(
                      running ->
                          "%s, pid %d, port %d"
                              .formatted(
                                  running.ready() ? "running" : "starting",
                                  running.pid(),
                                  running.port()))
                  .orElse("not running"));
      return status.isPresent() ? 0 : 1;
    }
  }
}
