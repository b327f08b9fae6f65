package org.kilonova.compute;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.testkit.typed.javadsl.ActorTestKit;
import akka.actor.testkit.typed.javadsl.ManualTime;
import akka.actor.testkit.typed.javadsl.TestProbe;
import akka.actor.typed.receptionist.Receptionist;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.kilonova.compute.ComputeProtocol.Follow;
import org.kilonova.compute.ComputeProtocol.HostCommand;
import org.kilonova.compute.ComputeProtocol.HostReport;
import org.kilonova.compute.ComputeProtocol.HostReports;
import org.kilonova.compute.ComputeProtocol.NodeCommand;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.compute.driver.HostCapabilities;
import org.kilonova.compute.driver.HostUsage;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.Resources;

class HostDirectoryTest {
  private static final HostId HOST = new HostId("compute-1");
  private static final Instant NOW = Instant.parse("2026-11-21T10:00:00Z");

  private final ActorTestKit kit = ActorTestKit.create(ManualTime.config());
  private final ManualTime time = ManualTime.get(kit.system());
  private final HostDirectory.View view = new HostDirectory.View(() -> NOW, Duration.ofSeconds(30));
  private final TestProbe<HostId> changes = kit.createTestProbe();

  @AfterEach
  void close() {
    kit.shutdownTestKit();
  }

  @Test
  void aProcessIsAskedAgainUntilItHasDescribedItsHosts() {
    TestProbe<NodeCommand> process = kit.createTestProbe();
    kit.system().receptionist().tell(Receptionist.register(ComputeNodes.KEY, process.getRef()));
    kit.spawn(
        HostDirectory.create(
            new HostDirectory.Setup(
                view,
                () -> NOW,
                Duration.ofSeconds(5),
                Duration.ofSeconds(10),
                known -> changes.getRef().tell(known.host()))));
    process.expectMessageClass(Follow.class); // lost on its way
    time.timePasses(Duration.ofSeconds(1));
    Follow again = process.expectMessageClass(Follow.class);

    TestProbe<HostCommand> agent = kit.createTestProbe();
    HostReport report =
        new HostReport(
            HOST,
            agent.getRef(),
            new HostCapabilities(
                new Resources(8, 8192, 100),
                HOST.name(),
                "fake",
                1,
                "fake",
                List.of("x86_64"),
                Map.of(),
                "127.0.0.1"),
            new HostUsage(0, 0, 100, 0, ""),
            List.of(),
            0,
            0);
    again.follower().tell(new HostReports("one", 0, process.getRef(), List.of(report)));
    changes.expectMessage(HOST);
    assertThat(view.presence(HOST)).isEqualTo(Presence.UP);
    time.timePasses(Duration.ofSeconds(1));
    process.expectNoMessage();
  }
}
