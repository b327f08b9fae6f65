package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.RpcContext;
import picocli.CommandLine;

class RpcCommandTest {
  private record Sent(
      RpcTarget target, RpcContext context, String method, Map<String, Object> args) {}

  @TempDir Path dir;

  private final List<Sent> sent = new ArrayList<>();
  private final List<String> urls = new ArrayList<>();
  private CompletableFuture<Object> answer = CompletableFuture.completedFuture(null);
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path conf;

  @BeforeEach
  void aConfiguration() throws Exception {
    conf = dir.resolve("oslo.conf");
    Files.writeString(
        conf,
        "[other]\ntransport_url = no\n[DEFAULT]\n# comment\ntransport_url = rabbit://u:p@h:1/\n");
  }

  @Test
  void aCallGoesToItsTargetAndItsAnswerIsPrinted() {
    answer = CompletableFuture.completedFuture(Map.of("service", "compute"));

    int code =
        run(
            "call compute ping arg=5 n:=5 none:=null list:=[1] --host h1 --version 2.3"
                + " --context project_id=p");

    assertThat(code).isZero();
    assertThat(urls).containsExactly("rabbit://u:p@h:1/");
    Sent message = sent.getFirst();
    assertThat(message.target())
        .isEqualTo(new RpcTarget("nova", "compute", "h1", false, null, "2.3"));
    assertThat(message.args())
        .containsEntry("arg", "5")
        .containsEntry("n", 5)
        .containsEntry("none", null)
        .containsEntry("list", List.of(1));
    assertThat(message.context().projectId()).isEqualTo("p");
    assertThat(message.context().isAdmin()).isTrue();
    assertThat(message.context().requestId()).startsWith("req-");
    assertThat(out.toString()).isEqualToIgnoringWhitespace("{\"service\": \"compute\"}");
  }

  @Test
  void aTextIsPrintedAsItIsAndAsJsonOnRequest() {
    answer = CompletableFuture.completedFuture("two words");

    run("call compute get_console_output");
    run("call compute get_console_output --json");

    assertThat(out.toString()).isEqualTo("two words\n\"two words\"\n");
  }

  @Test
  void aFanoutGoesToAll() {
    assertThat(run("fanout scheduler update_service_capabilities")).isZero();

    assertThat(sent.getFirst().target().fanout()).isTrue();
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void aFailureIsNamedAndItsTracebackShownOnRequest() {
    answer =
        CompletableFuture.failedFuture(
            new RpcException(
                "nova.exception",
                "InstanceNotFound",
                "Instance x could not be found.",
                Map.of(),
                List.of("Traceback\n", "  line\n")));

    assertThat(run("call compute start_instance --debug")).isEqualTo(1);

    assertThat(err.toString())
        .contains("InstanceNotFound: Instance x could not be found.")
        .contains("Traceback\n  line\n");
  }

  @Test
  void silenceSaysWhereNobodyAnswered() {
    answer =
        CompletableFuture.failedFuture(
            new RpcException(
                "oslo_messaging.exceptions", "MessagingTimeout", "m", Map.of(), List.of()));

    assertThat(run("call compute ping --host h9")).isEqualTo(1);

    assertThat(err.toString()).contains("compute.h9");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "call compute",
        "shout compute ping",
        "call compute ping arg",
        "call compute ping =x",
        "call compute ping a=1 a=2",
        "call compute ping a:=null a=2",
        "call compute ping a:={",
        "call compute ping --timeout 0",
        "call compute ping --context nonsense",
        "fanout compute ping --host h1"
      })
  void wrongUseIsSaidAndNothingIsSent(String words) {
    assertThat(run(words)).isEqualTo(2);

    assertThat(sent).isEmpty();
    assertThat(err.toString()).isNotBlank();
  }

  private int run(String words) {
    RpcCommand command =
        new RpcCommand(
            (url, exchange) -> {
              urls.add(url);
              return new Recorder();
            });
    return new CommandLine(command)
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(err, true))
        .execute(
            Stream.concat(
                    Arrays.stream(words.split(" ")), Stream.of("--config-file", conf.toString()))
                .toArray(String[]::new));
  }

  /** Notes what is sent, and answers what the test says. */
  private final class Recorder implements RpcClient {
    @Override
    public CompletionStage<Object> call(
        RpcTarget target,
        RpcContext context,
        String method,
        Map<String, Object> args,
        Duration timeout) {
      sent.add(new Sent(target, context, method, args));
      return answer;
    }

    @Override
    public CompletionStage<Void> cast(
        RpcTarget target, RpcContext context, String method, Map<String, Object> args) {
      sent.add(new Sent(target, context, method, args));
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public boolean canSendVersion(String topic, String version) {
      return true;
    }

    @Override
    public void close() {}
  }
}
