package org.kilonova.compute;

import akka.actor.typed.ActorSystem;
import akka.japi.Pair;
import akka.stream.Materializer;
import akka.stream.SinkRef;
import akka.stream.SourceRef;
import akka.stream.SystemMaterializer;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.StreamRefs;
import akka.stream.javadsl.Tcp;
import akka.util.ByteString;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;
import org.kilonova.compute.ComputeProtocol.ConsoleAnswer;
import org.kilonova.compute.ComputeProtocol.DiagnosticsAnswer;
import org.kilonova.compute.ComputeProtocol.Display;
import org.kilonova.compute.ComputeProtocol.FindVncConsole;
import org.kilonova.compute.ComputeProtocol.OpenVncConsole;
import org.kilonova.compute.ComputeProtocol.Question;
import org.kilonova.compute.ComputeProtocol.ReadConsole;
import org.kilonova.compute.ComputeProtocol.ReadDiagnostics;
import org.kilonova.compute.ComputeProtocol.VncConsoleFound;
import org.kilonova.compute.ComputeProtocol.VncConsoleOpened;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.HypervisorDriver;
import org.kilonova.compute.driver.HypervisorDriver.VncServer;

/**
 * Answers what is asked about a guest. Nothing here waits for the instance's worker or keeps the
 * agent: the driver is asked on the bulkhead, and a question that fails is answered as well.
 */
final class GuestQuestions {
  private final HypervisorDriver driver;
  private final Executor executor;
  private final ActorSystem<?> system;
  private final Materializer materializer;

  GuestQuestions(HypervisorDriver driver, Executor executor, ActorSystem<?> system) {
    this.driver = driver;
    this.executor = executor;
    this.system = system;
    this.materializer = SystemMaterializer.get(system).materializer();
  }

  void answer(Question question) {
    switch (question) {
      case ReadConsole q ->
          ask(
              () -> driver.consoleOutput(q.id(), q.maxBytes()),
              bytes -> new ConsoleAnswer(bytes, null),
              failure -> new ConsoleAnswer(null, said(failure)),
              q.replyTo()::tell);
      case ReadDiagnostics q ->
          ask(
              () -> driver.diagnostics(q.id()),
              counters -> new DiagnosticsAnswer(counters, null),
              failure -> new DiagnosticsAnswer(null, said(failure)),
              q.replyTo()::tell);
      case FindVncConsole q ->
          ask(
              () -> driver.vncServer(q.id()),
              GuestQuestions::found,
              failure -> new VncConsoleFound(display(failure), null, 0, said(failure)),
              q.replyTo()::tell);
      case OpenVncConsole q -> open(q);
    }
  }

  private <T, A> void ask(
      Supplier<T> question,
      Function<T, A> answer,
      Function<Throwable, A> otherwise,
      java.util.function.Consumer<A> replyTo) {
    CompletableFuture.supplyAsync(question, executor)
        .handle(
            (value, failure) -> failure == null ? answer.apply(value) : otherwise.apply(failure))
        .thenAccept(replyTo);
  }

  private static VncConsoleFound found(Optional<VncServer> server) {
    return server
        .map(s -> new VncConsoleFound(Display.SHOWN, s.host(), s.port(), null))
        .orElse(new VncConsoleFound(Display.NONE, null, 0, null));
  }

  private void open(OpenVncConsole question) {
    CompletableFuture.supplyAsync(() -> driver.vncServer(question.id()), executor)
        .thenCompose(
            server ->
                server
                    .map(this::connect)
                    .orElseGet(
                        () -> completed(new VncConsoleOpened(Display.NONE, null, null, null))))
        .exceptionally(failure -> new VncConsoleOpened(display(failure), null, null, said(failure)))
        .thenAccept(question.replyTo()::tell);
  }

  /**
   * The references are given away when the connection stands. If the asker has gone meanwhile,
   * nobody takes them up, and the subscription timeout of the streams closes the connection.
   */
  private CompletionStage<VncConsoleOpened> connect(VncServer server) {
    Pair<Pair<SinkRef<ByteString>, CompletionStage<Tcp.OutgoingConnection>>, SourceRef<ByteString>>
        running =
            StreamRefs.<ByteString>sinkRef()
                .viaMat(
                    Tcp.get(system).outgoingConnection(server.localHost(), server.port()),
                    Keep.both())
                .toMat(StreamRefs.sourceRef(), Keep.both())
                .run(materializer);
    return running
        .first()
        .second()
        .thenApply(
            connected ->
                new VncConsoleOpened(
                    Display.SHOWN, running.second(), running.first().first(), null));
  }

  private static <T> CompletableFuture<T> completed(T value) {
    return CompletableFuture.completedFuture(value);
  }

  private static Display display(Throwable failure) {
    return unwrapped(failure) instanceof DriverException e
            && e.kind() == DriverException.Kind.NOT_FOUND
        ? Display.NOT_RUNNING
        : Display.FAILED;
  }

  private static String said(Throwable failure) {
    return String.valueOf(unwrapped(failure).getMessage());
  }

  private static Throwable unwrapped(Throwable failure) {
    return failure instanceof CompletionException && failure.getCause() != null
        ? failure.getCause()
        : failure;
  }
}
