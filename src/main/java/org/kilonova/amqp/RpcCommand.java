package org.kilonova.amqp;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.RpcContext;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code rpc}: sends one message to a service on the bus, ours or anybody's. */
@Command(
    name = "rpc",
    description = {
      "Sends a message to a service on the classic bus.",
      "",
      "Arguments: key=text or key:=JSON, for example",
      "  scripts/kilonova rpc call compute ping arg=hello",
      "  scripts/kilonova rpc call compute get_diagnostics instance_uuid=... --host node-1",
      "  scripts/kilonova rpc fanout scheduler update_service_capabilities capabilities:='{}'",
      ""
    },
    mixinStandardHelpOptions = true,
    sortOptions = false)
public final class RpcCommand implements Callable<Integer> {
  /** How a message is sent. */
  enum Kind {
    /** Waits for the answer and prints it. */
    call,
    /** Waits for nobody's answer: done when the broker has it. */
    cast,
    /** A cast to all servers of the topic. */
    fanout
  }

  /** The way to a broker; closing the client closes it. */
  @FunctionalInterface
  interface Connector {
    RpcClient connect(String transportUrl, String controlExchange);
  }

  private static final Duration BROKER_TIMEOUT = Duration.ofSeconds(10);

  private final Connector connector;

  @Spec private CommandSpec spec;

  @Parameters(index = "0", paramLabel = "call|cast|fanout", description = "with or without answer")
  private Kind kind;

  @Parameters(index = "1", paramLabel = "TOPIC", description = "e.g. compute")
  private String topic;

  @Parameters(index = "2", paramLabel = "METHOD", description = "e.g. ping")
  private String method;

  @Parameters(index = "3..*", paramLabel = "KEY=VALUE", description = "arguments of the method")
  private final List<String> arguments = new ArrayList<>();

  @Option(names = "--host", paramLabel = "HOST", description = "the server on this host only")
  private String host;

  @Option(
      names = "--version",
      paramLabel = "V",
      description = "version of the interface that the method needs (${DEFAULT-VALUE})")
  private String version = "1.0";

  @Option(names = "--namespace", paramLabel = "NAME", description = "the method's namespace")
  private String namespace;

  @Option(
      names = "--timeout",
      paramLabel = "S",
      description = "seconds to wait for an answer (${DEFAULT-VALUE})")
  private double timeout = 60;

  @Option(
      names = "--context",
      paramLabel = "KEY=VALUE",
      description = "adds to the request context; by default an administrator's")
  private final List<String> context = new ArrayList<>();

  @Option(
      names = "--exchange",
      paramLabel = "NAME",
      description = "the control exchange (${DEFAULT-VALUE})")
  private String exchange = "nova";

  @Option(names = "--json", description = "the answer as JSON in one line, a failure too")
  private boolean json;

  @Option(names = "--debug", description = "with the traceback of a failure")
  private boolean debug;

  @Option(
      names = "--config-file",
      paramLabel = "FILE",
      description = "takes transport_url from this file, as oslo's services do")
  private Path configFile;

  /** With a connection of its own. */
  public RpcCommand() {
    this(StandaloneClient::connect);
  }

  RpcCommand(Connector connector) {
    this.connector = connector;
  }

  /**
   * Sends it.
   *
   * @return 0; 1 if the service or the broker failed, or nobody answered in time
   */
  @Override
  public Integer call() {
    Map<String, Object> args = read(arguments);
    RpcContext who = context();
    if (kind == Kind.fanout && host != null) {
      throw wrongUse("--host and fanout: a fanout goes to all");
    }
    if (!(timeout > 0) || timeout > 86_400) {
      throw wrongUse("--timeout needs seconds, from more than 0 to 86400");
    }
    RpcTarget target =
        new RpcTarget(exchange, topic, host, kind == Kind.fanout, namespace, version);
    Duration patience = Duration.ofMillis(Math.max(1, Math.round(timeout * 1000)));
    try (RpcClient client = connector.connect(transportUrl(), exchange)) {
      if (kind == Kind.call) {
        Object result =
            client
                .call(target, who, method, args, patience)
                .toCompletableFuture()
                .orTimeout(patience.plus(BROKER_TIMEOUT).toMillis(), TimeUnit.MILLISECONDS)
                .join();
        print(result);
      } else {
        client.cast(target, who, method, args).toCompletableFuture().join();
      }
      return 0;
    } catch (CompletionException e) {
      return failed(e.getCause());
    }
  }

  private Map<String, Object> read(List<String> words) {
    try {
      return RpcArguments.parse(words);
    } catch (IllegalArgumentException e) {
      throw wrongUse(e.getMessage());
    }
  }

  private RpcContext context() {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("request_id", "req-" + UUID.randomUUID());
    values.put("is_admin", true);
    values.put("roles", List.of("admin"));
    values.put("read_deleted", "no");
    values.putAll(read(context));
    return new RpcContext(values);
  }

  private String transportUrl() {
    if (configFile != null) {
      try {
        return OsloConf.transportUrl(configFile)
            .orElseThrow(() -> wrongUse(configFile + " says no transport_url under [DEFAULT]"));
      } catch (UncheckedIOException e) {
        throw wrongUse("cannot read " + configFile + ": " + e.getCause().getMessage());
      }
    }
    String url = System.getenv("KILONOVA_TRANSPORT_URL");
    if (url == null || url.isBlank()) {
      throw wrongUse("no broker: name one by --config-file FILE or KILONOVA_TRANSPORT_URL");
    }
    return url;
  }

  private void print(Object result) {
    PrintWriter out = spec.commandLine().getOut();
    if (!json && (result instanceof String || result == null)) {
      out.println(result == null ? "(no result)" : result);
    } else {
      out.println(write(result));
    }
    out.flush();
  }

  private int failed(Throwable cause) {
    PrintWriter err = spec.commandLine().getErr();
    if (cause instanceof RpcException failure) {
      if (json) {
        Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("class", failure.className());
        shown.put("module", failure.module());
        shown.put("message", failure.getMessage());
        spec.commandLine().getOut().println(write(shown));
      }
      err.println("kilonova: %s: %s".formatted(failure.className(), failure.getMessage()));
      if ("MessagingTimeout".equals(failure.className())) {
        err.println(
            "Nobody answered on %s in %s s. Is the service up, and on exchange %s (--exchange)?"
                .formatted(host == null ? topic : topic + "." + host, timeout, exchange));
      }
      if (debug) {
        failure.remoteTraceback().forEach(err::print);
      }
    } else {
      err.println("kilonova: the broker did not take it: " + cause);
    }
    err.flush();
    return 1;
  }

  private String write(Object value) {
    ObjectMapper mapper = new ObjectMapper();
    ObjectWriter writer = json ? mapper.writer() : mapper.writerWithDefaultPrettyPrinter();
    try {
      return writer.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private ParameterException wrongUse(String what) {
    return new ParameterException(spec.commandLine(), what);
  }
}
