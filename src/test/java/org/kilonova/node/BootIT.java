package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.compute.HostDirectory.Presence;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.fake.FakeHypervisor;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.StartTask;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Stopped;
import org.kilonova.instance.TaskKind;
import org.kilonova.instance.TestSpecs;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

/** The boot walk on real parts but for the hypervisor. */
@ExtendWith(PostgresExtension.class)
class BootIT {
  @TempDir Path dir;
  private TestCloud cloud;

  @AfterEach
  void close() {
    cloud.close();
  }

  private static final ActionContext CONTEXT = new ActionContext("req-1", "user", "project");

  @Test
  void anInstanceBootsStopsStartsRebootsAndIsDeleted(
      Database database, Database.Settings settings) {
    cloud = new TestCloud(database, settings, dir, "");
    cloud.start("controller,compute", "host-1");
    cloud.awaitHosts(1);
    InstanceId id = InstanceId.random();

    assertThat(cloud.create(TestSpecs.spec(id))).isInstanceOf(Accepted.class);
    assertThat(cloud.row(id)).as("the row is there before the answer").isNotNull();
    cloud.await(id, row -> row.state() instanceof Active);
    assertThat(domain(id).power()).isEqualTo(PowerState.RUNNING);

    cloud.request(id, to -> new StartTask(TaskKind.POWERING_OFF, CONTEXT, false, to));
    cloud.await(id, row -> row.state() instanceof Stopped s && s.task() == null);
    assertThat(domain(id).power()).isEqualTo(PowerState.SHUTDOWN);

    ActionContext again = new ActionContext("req-2", "user", "project");
    cloud.request(id, to -> new StartTask(TaskKind.POWERING_ON, again, false, to));
    cloud.await(id, row -> row.state() instanceof Active a && a.task() == null);

    ActionContext third = new ActionContext("req-3", "user", "project");
    cloud.request(id, to -> new StartTask(TaskKind.REBOOTING, third, false, to));
    cloud.await(id, row -> row.state() instanceof Active a && a.task() == null);
    assertThat(domain(id).power()).isEqualTo(PowerState.RUNNING);

    cloud.request(id, to -> new Delete(CONTEXT, false, to));
    cloud.await(
        id, row -> row.state() instanceof Deleted d && d.instance().obligations().isEmpty());
    assertThat(FakeHypervisor.read(cloud.hypervisors().resolve("host-1"))).isEmpty();
  }

  @Test
  void manyBootOnThreeNodes(Database database, Database.Settings settings) {
    cloud = new TestCloud(database, settings, dir, "");
    cloud.start("controller", "c1");
    cloud.start("controller", "c2");
    cloud.start("compute", "host-a");
    cloud.awaitHosts(1);
    List<InstanceId> ids = IntStream.range(0, 50).mapToObj(i -> InstanceId.random()).toList();
    ids.parallelStream().forEach(id -> cloud.create(TestSpecs.spec(id)));
    ids.forEach(id -> cloud.await(id, row -> row.state() instanceof Active));
    assertThat(FakeHypervisor.read(cloud.hypervisors().resolve("host-a")))
        .hasSize(50)
        .allMatch(d -> d.power() == PowerState.RUNNING);
  }

  @Test
  void aHostThatAppearsWhileTheDatabaseIsAwayIsRememberedLater(
      Database database, Database.Settings settings) {
    cloud = new TestCloud(database, settings, dir, "");
    cloud.failRemembering(1);
    cloud.start("controller,compute", "host-1");
    cloud.awaitHosts(1);
    List<Known> remembered = TestCloud.await(cloud::remembered, all -> !all.isEmpty());
    assertThat(remembered).extracting(Known::presence).containsExactly(Presence.UP);
    assertThat(remembered.getFirst().report().capabilities().total().vcpus()).isPositive();
  }

  private DomainInfo domain(InstanceId id) {
    return FakeHypervisor.read(cloud.hypervisors().resolve("host-1")).stream()
        .filter(d -> d.uuid().equals(id))
        .findFirst()
        .orElseThrow();
  }
}
