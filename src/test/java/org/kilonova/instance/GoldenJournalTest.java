package org.kilonova.instance;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializers;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.persistence.CborSerializable;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.testing.LocalAkka;

/** What earlier versions wrote is read as it was meant. See README.md beside the journals. */
class GoldenJournalTest {
  private static final Path FOLDER = Path.of("src", "test", "resources", "golden", "journal");

  /** What instances know today and did not always when the first journals were written. */
  private static final List<String> ADDED_SINCE = List.of("lastObservation", "requestId");

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final ActorTestKit KIT =
      ActorTestKit.create("GoldenJournalTest", LocalAkka.config());
  private static final Serialization SERIALIZATION =
      SerializationExtension.get(Adapter.toClassic(KIT.system()));

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @ParameterizedTest
  @MethodSource("journals")
  void recoversToTheStateThatItLedToWhenItWasWritten(Path journal) throws IOException {
    InstanceState state = new Absent();
    for (String line : Files.readAllLines(journal)) {
      String[] parts = line.split(" ", 2);
      state = InstanceTransitions.apply(state, read(parts[0], parts[1]));
    }

    ObjectNode now = (ObjectNode) JSON.readTree(InstanceRows.format((Present) state));
    JsonNode then = JSON.readTree(Files.readString(stateOf(journal)));
    ((ObjectNode) now.get("instance"))
        .remove(ADDED_SINCE.stream().filter(added -> !then.get("instance").has(added)).toList());
    assertThat(now).isEqualTo(then);
    assertThat(InstanceRows.parse(Files.readString(stateOf(journal)))).isNotNull();
  }

  @Test
  void allScenariosAreRecorded() throws IOException {
    assertThat(journals().map(GoldenJournalTest::name)).containsAll(Scenarios.golden().keySet());
  }

  static Stream<Path> journals() throws IOException {
    String version = System.getProperty("kilonova.golden.write");
    if (version != null) {
      record(FOLDER.resolve(version));
    }
    try (Stream<Path> files = Files.walk(FOLDER)) {
      return files.filter(f -> f.toString().endsWith(".journal")).sorted().toList().stream();
    }
  }

  /** Writes what is not there yet. */
  private static void record(Path folder) throws IOException {
    for (Map.Entry<String, Lab> life : Scenarios.golden().entrySet()) {
      Path file = folder.resolve(life.getKey() + ".journal");
      if (Files.notExists(file)) {
        List<String> lines = new ArrayList<>();
        for (InstanceEvent event : life.getValue().journal) {
          lines.add(line(event));
        }
        Files.createDirectories(folder);
        Files.writeString(
            stateOf(file), InstanceRows.format((Present) life.getValue().state) + "\n", UTF_8);
        Files.write(file, lines);
      }
    }
  }

  private static String line(InstanceEvent event) throws IOException {
    var serializer = SERIALIZATION.serializerFor(event.getClass());
    return Serializers.manifestFor(serializer, event)
        + " "
        + Base64.getEncoder().encodeToString(serializer.toBinary(event));
  }

  private static InstanceEvent read(String manifest, String base64) throws IOException {
    int cbor = SERIALIZATION.serializerFor(CborSerializable.class).identifier();
    return (InstanceEvent)
        SERIALIZATION.deserialize(Base64.getDecoder().decode(base64), cbor, manifest).get();
  }

  private static String name(Path journal) {
    return journal.getFileName().toString().replace(".journal", "");
  }

  private static Path stateOf(Path journal) {
    return journal.resolveSibling(name(journal) + ".state.json");
  }
}
