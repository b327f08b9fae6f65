package org.kilonova.readmodel;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.Serialization;
import akka.serialization.SerializationExtension;
import akka.serialization.Serializers;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.MetadataChanged;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;
import org.kilonova.readmodel.JournalReader.Offset;
import org.kilonova.readmodel.JournalReader.Tailed;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class JournalReaderIT {
  private static final ActorTestKit KIT =
      ActorTestKit.create("JournalReaderIT", LocalAkka.config());
  private static final Serialization SERIALIZATION =
      SerializationExtension.get(Adapter.toClassic(KIT.system()));

  private final Database database;
  private final JournalReader reader = new JournalReader(SERIALIZATION);

  JournalReaderIT(Database database) {
    this.database = database;
  }

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  /**
   * Transactions are numbers: 100 comes after 99. Sorted as text, a tail that stops between the two
   * (a batch is full) would go on behind 100 and never see 99.
   */
  @Test
  void theTailIsInTheOrderOfTransactionsThroughEveryPowerOfTen() {
    InstanceId id = InstanceId.random();
    database
        .jdbi()
        .useHandle(
            handle -> {
              handle.execute("TRUNCATE event_journal CASCADE");
              for (int sequenceNumber = 1; sequenceNumber <= 200; sequenceNumber++) {
                write(handle, id, sequenceNumber, sequenceNumber);
              }
            });

    List<Long> seen = new ArrayList<>();
    Offset offset = new Offset("0", 0);
    for (List<Tailed> batch = tail(offset); !batch.isEmpty(); batch = tail(offset)) {
      batch.forEach(tailed -> seen.add(tailed.recorded().sequenceNumber()));
      offset = batch.getLast().offset();
    }

    assertThat(seen).hasSize(200).isSorted();
  }

  private List<Tailed> tail(Offset after) {
    return database.jdbi().withHandle(handle -> reader.tail(handle, after, 7));
  }

  private static void write(Handle handle, InstanceId id, long sequenceNumber, long transaction) {
    InstanceEvent event = new MetadataChanged(Map.of(), null, Instant.EPOCH);
    var serializer = SERIALIZATION.findSerializerFor(event);
    handle
        .createUpdate(
            """
            INSERT INTO event_journal (persistence_id, sequence_number, writer, write_timestamp,
              event_ser_id, event_ser_manifest, event_payload, xid)
            VALUES (:pid, :number, 'w', 0, :serializer, :manifest, :payload,
              CAST(:xid AS text)::xid8)
            """)
        .bind("pid", "Instance|" + id)
        .bind("number", sequenceNumber)
        .bind("serializer", serializer.identifier())
        .bind("manifest", Serializers.manifestFor(serializer, event))
        .bind("payload", serializer.toBinary(event))
        .bind("xid", Long.toString(transaction))
        .execute();
  }
}
