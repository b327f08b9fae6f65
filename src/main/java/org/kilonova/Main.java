package org.kilonova;

import java.util.concurrent.Callable;
import org.kilonova.amqp.RpcCommand;
import org.kilonova.bench.BenchCommand;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.node.Node;
import org.kilonova.persistence.PostgresCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * The program: {@code node} runs a process of the cloud, {@code postgres} its embedded database,
 * {@code bench} measures a cloud, {@code rpc} sends a message to a service.
 */
@Command(
    name = "kilonova",
    description = "A cloud controller that does the job of OpenStack Compute.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    subcommands = {
      Main.NodeCommand.class,
      PostgresCommand.class,
      BenchCommand.class,
      RpcCommand.class
    })
public final class Main implements Runnable {
  @CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  /**
   * Of a process that can be started again as it is; the cluster ends one that it removed so too.
   */
  private static final int AGAIN = 75;

  /**
   * Exit codes: 0 done, 1 failed, 2 wrong use; 75 when the cluster removed this process, or its
   * database could not be reached.
   */
  public static void main(String[] args) {
    int code = new CommandLine(new Main()).setExecutionExceptionHandler(Main::failed).execute(args);
    if (code != NodeCommand.RUNNING) {
      System.exit(code);
    }
  }

  @Override
  public void run() {
    spec.commandLine().usage(System.out);
  }

  private static int failed(
      Exception e, CommandLine commandLine, CommandLine.ParseResult parseResult) throws Exception {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof ConfigurationException problem) {
        commandLine.getErr().println("kilonova: " + problem.getMessage());
        return problem.isPassing() ? AGAIN : 1;
      }
    }
    throw e;
  }

  /** Runs a process of the cloud until it is stopped. */
  @Command(
      name = "node",
      description = "Runs a process of the cloud; -Dconfig.file=cluster.conf says how.",
      mixinStandardHelpOptions = true)
  static final class NodeCommand implements Callable<Integer> {
    /** Not an exit code: the process goes on. */
    static final int RUNNING = -1;

    @Override
    public Integer call() {
      Node.start();
      return RUNNING;
    }
  }

  /** From the jar's manifest. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"Kilonova " + (version == null ? "(development)" : version)};
    }
  }
}
