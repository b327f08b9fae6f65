package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.catalog.ServerGroup;
import org.kilonova.catalog.SqlServerGroups;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.TestSpecs;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.InstanceId;
import org.kilonova.node.TestCloud.TestNode;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

/**
 * What a new scheduler knows of server groups although it never heard of the host that their
 * members are on.
 */
@ExtendWith(PostgresExtension.class)
class SchedulerFailOverIT {
  private final SqlServerGroups groups;
  private final TestCloud cloud;

  SchedulerFailOverIT(Database database, Database.Settings settings, @TempDir Path hypervisors) {
    groups = new SqlServerGroups(database, Clock.system());
    cloud = new TestCloud(database, settings, hypervisors, "");
  }

  @AfterEach
  void close() {
    cloud.close();
  }

  private ServerGroup group(String policy) {
    return groups.create(
        new ServerGroup(UUID.randomUUID(), "project", "user", policy, policy, null, List.of()),
        -1,
        -1);
  }

  private InstanceId create(ServerGroup group) {
    InstanceId id = InstanceId.random();
    groups.join(group.id(), List.of(id), -1);
    cloud.create(TestSpecs.spec(id, group.ref()));
    return id;
  }

  private String active(InstanceId id) {
    return cloud
        .await(id, row -> row.state() instanceof Active)
        .state()
        .instance()
        .placement()
        .host()
        .name();
  }

  @Test
  void membersOfAGroupOnAHostThatIsDownStillBindTheOthers() {
    TestNode first = cloud.start("controller", "c1");
    TestNode hostA = cloud.start("compute", "host-a");
    cloud.awaitHosts(1);
    ServerGroup together = group("affinity");
    ServerGroup apart = group("anti-affinity");
    assertThat(active(create(together))).isEqualTo("host-a");
    assertThat(active(create(apart))).isEqualTo("host-a");

    cloud.start("controller", "c2");
    cloud.start("compute", "host-b");
    cloud.awaitHosts(2);
    cloud.stop(hostA);
    cloud.stop(first);
    cloud.awaitHosts(1);

    assertThat(active(create(apart))).isEqualTo("host-b");
    InstanceId waiting = create(together);
    InstanceId free = create(group("affinity"));
    assertThat(active(free)).as("asked after it, and answered").isEqualTo("host-b");
    assertThat(cloud.row(waiting).state()).isInstanceOf(Building.class);
    cloud.start("compute", "host-a");
    assertThat(active(waiting)).isEqualTo("host-a");
  }
}
