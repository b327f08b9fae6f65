package org.kilonova.persistence;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.typed.ActorRef;
import akka.actor.typed.javadsl.Adapter;
import akka.serialization.SerializationExtension;
import akka.serialization.jackson.JacksonCborSerializer;
import java.io.NotSerializableException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.compute.ComputeProtocol;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceState;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.readmodel.InstanceRows;
import org.kilonova.scheduler.SchedulerProtocol;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.Samples;

/** Whatever travels or is kept comes back as it was. */
class SerializationTest {
  private static final ActorTestKit KIT =
      ActorTestKit.create("SerializationTest", LocalAkka.config());
  private static final Samples SAMPLES =
      new Samples(
          Map.of(
              ActorRef.class, List.of(KIT.createTestProbe().ref()),
              Attempt.class, List.of(new Attempt(3)),
              HostId.class, List.of(new HostId("host-a"))));

  @AfterAll
  static void stop() {
    KIT.shutdownTestKit();
  }

  @ParameterizedTest
  @ValueSource(
      classes = {
        InstanceProtocol.Command.class,
        InstanceProtocol.Reply.class,
        InstanceEvent.class,
        InstanceState.class,
        ComputeProtocol.HostCommand.class,
        ComputeProtocol.ConsoleAnswer.class,
        ComputeProtocol.Report.class,
        ComputeProtocol.NodeCommand.class,
        ComputeProtocol.HostFeed.class,
        SchedulerProtocol.Answer.class,
        SchedulerProtocol.SelectHosts.class,
        SchedulerProtocol.ClaimRefused.class,
        SchedulerProtocol.FactsChanged.class,
        SchedulerProtocol.Acknowledged.class
      })
  void everyMessageEventAndStateComesBackAsItWasSent(Class<?> type)
      throws NotSerializableException {
    var serialization = SerializationExtension.get(Adapter.toClassic(KIT.system()));
    for (Object sample : SAMPLES.of(type)) {
      assertThat(serialization.serializerFor(sample.getClass()))
          .as("%s", sample.getClass())
          .isInstanceOf(JacksonCborSerializer.class);
      Object back = KIT.serializationTestKit().verifySerialization(sample, false);
      assertThat(back).usingRecursiveComparison().withStrictTypeChecking().isEqualTo(sample);
    }
  }

  @Test
  void aStateComesBackAsItWasFromTheReadModel() {
    List<?> states = SAMPLES.of(InstanceState.Present.class);
    assertThat(states).hasSizeGreaterThan(10);
    for (Object state : states) {
      String json = InstanceRows.format((InstanceState.Present) state);
      assertThat(InstanceRows.parse(json)).isEqualTo(state);
    }
  }

  @Test
  void aPropertyOfANewerVersionIsIgnoredInTheReadModel() {
    InstanceState.Present state =
        (InstanceState.Present) SAMPLES.of(InstanceState.Deleted.class).get(0);
    String json = InstanceRows.format(state).replaceFirst("\\{", "{\"news\":1,");
    assertThat(InstanceRows.parse(json)).isEqualTo(state);
  }
}
