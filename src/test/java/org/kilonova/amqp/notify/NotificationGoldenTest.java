package org.kilonova.amqp.notify;

import static java.util.stream.Collectors.toCollection;
import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.amqp.notify.Notification.Form;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.Recorded;
import org.kilonova.persistence.CborSerializable;
import org.kilonova.testing.LocalAkka;

/**
 * What the golden journals mean, byte for byte, and that it has Nova's keys with Nova's types, no
 * more and no less: {@code golden/notifications/nova-keys.json} lists them with their source. After
 * a wanted change: {@code -Dkilonova.golden.write=true}, then read what git shows.
 */
class NotificationGoldenTest {
  private static final Path JOURNALS = Path.of("src", "test", "resources", "golden", "journal");
  private static final Path GOLDEN = Path.of("src", "test", "resources", "golden", "notifications");
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);
  private static final ActorTestKit KIT =
      ActorTestKit.create("NotificationGoldenTest", LocalAkka.config());
  private static final Serialization SERIALIZATION =
      SerializationExtension.get(Adapter.toClassic(KIT.system()));

  private final JsonNode nova;

  NotificationGoldenTest() throws IOException {
    nova = JSON.readTree(GOLDEN.resolve("nova-keys.json").toFile());
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  static Stream<Path> journals() throws IOException {
    try (Stream<Path> files = Files.walk(JOURNALS)) {
      return files.filter(f -> f.toString().endsWith(".journal")).sorted().toList().stream();
    }
  }

  /** The first of this form, and those that a later form says more in. */
  static Stream<Path> reviewed() throws IOException {
    return journals().filter(f -> !f.getParent().endsWith("v1"));
  }

  @ParameterizedTest
  @MethodSource("reviewed")
  void aJournalMeansWhatItMeantWhenThisWasReviewed(Path journal) throws IOException {
    JsonNode told = json(Journals.told(read(journal), Journals.settings(Form.UNVERSIONED)));
    Path version = journal.getParent().getFileName();
    Path folder = version.endsWith("v2") ? GOLDEN : GOLDEN.resolve(version);
    String name = journal.getFileName().toString().replace(".journal", ".unversioned.json");
    compare(folder.resolve(name), told);
  }

  @Test
  void aSmoothBootMeansTheVersionedOnesOfNova26() throws IOException {
    Path journal = JOURNALS.resolve("v2").resolve("smooth-boot.journal");
    JsonNode told = json(Journals.told(read(journal), Journals.settings(Form.VERSIONED)));
    compare(GOLDEN.resolve("smooth-boot.versioned.json"), told);
  }

  @ParameterizedTest
  @MethodSource("journals")
  void unversionedPayloadsHaveNovasKeysAndTypes(Path journal) throws IOException {
    for (Notification told : Journals.told(read(journal), Journals.settings(Form.UNVERSIONED))) {
      JsonNode payload = JSON.valueToTree(told.payload());
      String type = told.eventType();
      if (type.startsWith("scheduler.")) {
        check(type, payload, "scheduler");
        checkRequestSpec(payload.get("request_spec"));
      } else if (type.equals("compute_task.build_instances")) {
        check(type, payload, "build_instances");
        checkRequestSpec(payload.get("request_spec"));
      } else if (type.endsWith(".update")) {
        check(
            type,
            payload,
            payload.has("old_display_name")
                ? new String[] {"usage", "update", "update.renamed"}
                : new String[] {"usage", "update"});
      } else if (type.endsWith(".error")) {
        check(type, payload, "usage", "error");
      } else if (type.contains(".create.")) {
        check(type, payload, "usage", type.substring(type.indexOf("create")));
        payload.path("fixed_ips").forEach(ip -> check(type, ip, "fixed_ip"));
      } else if (type.endsWith("_ip.end")) {
        check(type, payload, "usage", "ip.end");
        payload.get("fixed_ips").forEach(ip -> check(type, ip, "fixed_ip"));
      } else {
        check(type, payload, "usage");
      }
      ObjectNode context = JSON.valueToTree(told.context().values());
      context.remove("nobody_knows_this"); // what else a request brought is told, too
      check("context", context, "context");
      assertThat(told.context().values().get("auth_token")).isNull();
    }
  }

  @ParameterizedTest
  @MethodSource("journals")
  void versionedPayloadsAreNovasObjectsThroughAndThrough(Path journal) throws IOException {
    for (Notification told : Journals.told(read(journal), Journals.settings(Form.VERSIONED))) {
      checkObject(told.eventType(), JSON.valueToTree(told.payload()));
      assertThat(told.publisherId()).matches("nova-(compute|scheduler|api|conductor):.+");
    }
  }

  @ParameterizedTest
  @MethodSource("journals")
  void existsHasNovasKeysInBothForms(Path journal) throws IOException {
    Told told = Told.NOTHING;
    long number = 0;
    for (InstanceEvent event : read(journal)) {
      told = told.then(new Recorded(++number, event));
    }
    AuditPeriod.Bounds period = AuditPeriod.MONTH.lastCompleted(java.time.Instant.EPOCH);
    List<Notification> exists =
        new InstanceNotifications(Journals.settings(Form.values()))
            .exists((Present) told.state(), period);

    assertThat(exists).hasSize(2);
    for (Notification one : exists) {
      JsonNode payload = JSON.valueToTree(one.payload());
      if (one.form() == Form.VERSIONED) {
        checkObject(one.eventType(), payload);
      } else {
        check(one.eventType(), payload, "usage", "exists");
        assertThat(payload.get("audit_period_beginning").textValue())
            .isEqualTo("1969-12-01 00:00:00");
      }
    }
  }

  // ---- how -------------------------------------------------------------------------------------

  private void checkRequestSpec(JsonNode spec) {
    check("request_spec", spec, "request_spec");
    check("request_spec", spec.get("instance_properties"), "instance_properties");
  }

  private void checkObject(String where, JsonNode object) {
    assertThat(object.path("nova_object.namespace").textValue()).as(where).isEqualTo("nova");
    assertThat(object).as(where).hasSize(4);
    String name = object.get("nova_object.name").textValue();
    JsonNode data = object.get("nova_object.data");
    if (!name.equals("ImageMetaPropsPayload")) { // has a field for each property that is known
      String versioned = name + " " + object.get("nova_object.version").textValue();
      boolean instance = name.matches("Instance(Action|Create|Update|Exists)Payload");
      check(
          where,
          data,
          instance ? new String[] {"InstancePayload", versioned} : new String[] {versioned});
    }
    data.forEach(
        value -> {
          if (value.has("nova_object.name")) {
            checkObject(where, value);
          } else if (value.isArray()) {
            value.forEach(
                element -> {
                  if (element.isObject()) {
                    checkObject(where, element);
                  }
                });
          }
        });
  }

  /** The keys are those of {@code sets} together, and each value has its key's type. */
  private void check(String where, JsonNode actual, String... sets) {
    Map<String, String> keys = new TreeMap<>();
    for (String set : sets) {
      assertThat(nova.has(set)).as("%s is listed", set).isTrue();
      nova.get(set).fields().forEachRemaining(e -> keys.put(e.getKey(), e.getValue().asText()));
    }
    keys.remove("//");
    TreeSet<String> names = new TreeSet<>();
    actual.fieldNames().forEachRemaining(names::add);
    assertThat(names)
        .as(where)
        .isEqualTo(keys.keySet().stream().collect(toCollection(TreeSet::new)));
    keys.forEach(
        (key, type) ->
            assertThat(fits(actual.get(key), type))
                .as("%s: %s = %s is %s", where, key, actual.get(key), type)
                .isTrue());
  }

  private static boolean fits(JsonNode value, String type) {
    if (value.isNull()) {
      return type.endsWith("?");
    }
    return switch (type.charAt(0)) {
      case 's' -> value.isTextual();
      case 'i' -> value.isIntegralNumber();
      case 'n' -> value.isNumber();
      case 'b' -> value.isBoolean();
      case 'o' -> value.isObject();
      case 'l' -> value.isArray();
      default -> throw new IllegalArgumentException(type);
    };
  }

  private static void compare(Path golden, JsonNode told) throws IOException {
    if (System.getProperty("kilonova.golden.write") != null) {
      Files.writeString(golden, JSON.writeValueAsString(told) + "\n");
    }
    assertThat(told).isEqualTo(JSON.readTree(golden.toFile()));
  }

  /** As text and back: so numbers are compared as they are written. */
  private static JsonNode json(List<Notification> all) throws IOException {
    ArrayNode list = JSON.createArrayNode();
    RpcContext context = null;
    for (Notification told : all) {
      ObjectNode one = list.addObject();
      one.put("message_id", told.messageId());
      one.put("publisher_id", told.publisherId());
      one.put("event_type", told.eventType());
      one.put("priority", told.priority());
      one.put("timestamp", told.timestamp().toString());
      if (!told.context().equals(context)) { // the same is not repeated
        one.set("context", JSON.valueToTree(told.context().values()));
      }
      context = told.context();
      one.set("payload", JSON.valueToTree(told.payload()));
    }
    return JSON.readTree(JSON.writeValueAsString(list));
  }

  private static List<InstanceEvent> read(Path journal) throws IOException {
    int cbor = SERIALIZATION.serializerFor(CborSerializable.class).identifier();
    List<InstanceEvent> events = new ArrayList<>();
    for (String line : Files.readAllLines(journal)) {
      String[] parts = line.split(" ", 2);
      events.add(
          (InstanceEvent)
              SERIALIZATION
                  .deserialize(Base64.getDecoder().decode(parts[1]), cbor, parts[0])
                  .get());
    }
    return events;
  }
}
