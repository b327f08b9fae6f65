package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.ConfigFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.amqp.manager.OwnManagers;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.amqp.service.RpcDispatcher;
import org.kilonova.amqp.service.RpcDispatcher.Outcome;
import org.kilonova.amqp.wire.BareFailure;
import org.kilonova.amqp.wire.RpcRequest;
import org.kilonova.amqp.wire.WireCodec;
import org.kilonova.boot.Boots;
import org.kilonova.catalog.SqlComputeServices;
import org.kilonova.compute.HostDirectory;
import org.kilonova.compute.driver.fake.FakeHypervisor;
import org.kilonova.console.Consoles;
import org.kilonova.console.SqlConsoleAuthTokens;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.Clock;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.DefaultNetwork;
import org.kilonova.network.SqlAllocations;
import org.kilonova.network.SqlNetworks;
import org.kilonova.persistence.Database;
import org.kilonova.quota.SqlQuotas;
import org.kilonova.readmodel.InstanceQuery;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.SqlInstanceQueries;
import org.kilonova.testing.FakeBootReferences;
import org.kilonova.testing.FakeDisplays;
import org.kilonova.testing.PostgresExtension;
import org.kilonova.testing.TestServers;

/** What a message does, as the transport hands it on, to real entities and a real database. */
@ExtendWith(PostgresExtension.class)
class BusBootIT {
  private static final com.fasterxml.jackson.databind.ObjectMapper JSON =
      new com.fasterxml.jackson.databind.ObjectMapper();

  @TempDir Path dir;
  private final Database database;
  private final Database.Settings settings;
  private final SqlInstanceQueries queries;
  private final SqlQuotas quotas;
  private TestCloud cloud;

  BusBootIT(Database database, Database.Settings settings) {
    this.database = database;
    this.settings = settings;
    this.queries = new SqlInstanceQueries(database.jdbi(), 100);
    this.quotas =
        new SqlQuotas(database, SqlQuotas.defaults(ConfigFactory.empty()), Clock.system());
  }

  @AfterEach
  void close() {
    cloud.close();
  }

  // ---- the stage -------------------------------------------------------------------------------

  private RpcDispatcher dispatcher(Instances instances, HostDirectory.View hosts) {
    SqlNetworks networks = new SqlNetworks(database, Clock.system());
    networks.ensureDefault(
        DefaultNetwork.of(ConfigFactory.load().getConfig("kilonova.network.default")), "somebody");
    Boots boots =
        new Boots(
            new Boots.Ports(new FakeBootReferences(), networks, quotas, instances, Clock.system()),
            Boots.Settings.DEFAULT);
    return new RpcDispatcher(
        new ManagerRegistry(
            OwnManagers.of(
                new OwnManagers.Ports(
                    queries,
                    instances,
                    boots,
                    hosts,
                    new SqlComputeServices(database, Clock.system(), () -> {}),
                    networks,
                    new SqlAllocations(database),
                    new Consoles(
                        new SqlConsoleAuthTokens(database, Clock.system(), Duration.ofMinutes(10)),
                        queries,
                        new FakeDisplays(),
                        null),
                    request -> {
                      throw new CompletionException(new IllegalStateException("not asked here"));
                    }),
                List.of("scheduler", "compute", "network"))));
  }

  private RpcDispatcher dispatcher(TestCloud.TestNode node) {
    return dispatcher(node.controller().instances(), node.controller().hosts());
  }

  /** A cast, as it is in the queue. */
  private static byte[] cast(String method, String version, Map<String, Object> args)
      throws Exception {
    Map<String, Object> message = new LinkedHashMap<>();
    message.put("method", method);
    message.put("args", args);
    message.put("version", version);
    message.put("_unique_id", UUID.randomUUID().toString());
    message.put("_context_request_id", "req-cast");
    message.put("_context_user_id", "user1");
    message.put("_context_project_id", TestServers.PROJECT);
    return JSON.writeValueAsBytes(
        Map.of("oslo.version", "2.0", "oslo.message", JSON.writeValueAsString(message)));
  }

  private static Outcome deliver(RpcDispatcher to, String topic, byte[] message) throws Exception {
    RpcRequest request = WireCodec.decodeRequest(message, BareFailure.LIST);
    return to.dispatch(
        new Listening(null, topic),
        request,
        null,
        false,
        WireCodec.messageId(request, message),
        reply -> {
          throw new AssertionError("a cast is not answered");
        });
  }

  private static Map<String, Object> runInstance(Map<String, Object> properties) {
    Map<String, Object> all =
        new LinkedHashMap<>(
            Map.of(
                "project_id",
                TestServers.PROJECT,
                "user_id",
                "user1",
                "display_name",
                "cast",
                "image_ref",
                TestServers.IMAGE));
    all.putAll(properties);
    return Map.of(
        "topic", "compute",
        "request_spec",
            Map.of(
                "instance_properties",
                all,
                "instance_type",
                Map.of("flavorid", "1", "memory_mb", 512, "vcpus", 1, "root_gb", 1),
                "num_instances",
                1),
        "filter_properties", Map.of());
  }

  private List<InstanceRow> servers() {
    return queries
        .list(
            new InstanceQuery(
                List.of(
                    new InstanceQuery.In(
                        InstanceQuery.Field.PROJECT_ID, List.of(TestServers.PROJECT))),
                List.of(),
                null,
                100))
        .rows();
  }

  // ---- the rule --------------------------------------------------------------------------------

  @Test
  void aMessageThatComesTwiceOrAfterARestartIsOneServerAndOnePlaceOfTheQuota() throws Exception {
    database
        .jdbi()
        .useHandle(handle -> handle.execute("TRUNCATE instance, quota_claim, quota_usage"));
    cloud = new TestCloud(database, settings, dir, "");
    TestCloud.TestNode first = cloud.start("controller,compute", "host-1");
    cloud.awaitHosts(1);
    // A Diablo cloud's: no uuid, nothing but a row's number.
    byte[] message =
        cast("run_instance", "1.0", runInstance(Map.of("id", 7, "reservation_id", "r-diablo77")));

    RpcDispatcher dispatcher = dispatcher(first);
    assertThat(deliver(dispatcher, "scheduler", message).isDone()).isTrue();
    assertThat(servers()).as("acknowledged is listed").hasSize(1);
    InstanceId id = servers().getFirst().state().instance().id();
    assertThat(deliver(dispatcher, "scheduler", message).isDone()).isTrue();
    cloud.await(id, row -> row.state() instanceof Active);
    assertThat(cloud.row(id).state().instance().requestId()).isEqualTo("req-cast");

    // The process goes; the broker has no acknowledgement and gives the message to the next.
    cloud.start("controller", "host-2");
    TestCloud.TestNode next = cloud.start("controller", "host-3");
    cloud.stop(first);
    assertThat(deliver(dispatcher(next), "scheduler", message).isDone()).isTrue();

    assertThat(servers()).hasSize(1);
    assertThat(quotas.usage(TestServers.PROJECT)).containsEntry("instances", 1);
    assertThat(FakeHypervisor.read(cloud.hypervisors().resolve("host-1"))).hasSize(1);
  }

  @Test
  void whatWasDeletedIsNotBroughtBackByItsMessage() throws Exception {
    database
        .jdbi()
        .useHandle(handle -> handle.execute("TRUNCATE instance, quota_claim, quota_usage"));
    cloud = new TestCloud(database, settings, dir, "");
    TestCloud.TestNode node = cloud.start("controller,compute", "host-1");
    cloud.awaitHosts(1);
    RpcDispatcher dispatcher = dispatcher(node);
    InstanceId id = InstanceId.random();
    byte[] message = cast("run_instance", "2.0", runInstance(Map.of("uuid", id.toString())));
    assertThat(deliver(dispatcher, "scheduler", message).isDone()).isTrue();
    byte[] terminate =
        cast("terminate_instance", "2.0", Map.of("instance", Map.of("uuid", id.toString())));
    assertThat(deliver(dispatcher, "compute", terminate).isDone()).isTrue();
    cloud.await(
        id, row -> row.state() instanceof Deleted d && d.instance().obligations().isEmpty());
    quotas.releaseInstance(id); // as the projector does

    assertThat(deliver(dispatcher, "scheduler", message).isDone()).isTrue();

    assertThat(cloud.row(id).state()).isInstanceOf(Deleted.class);
    assertThat(quotas.usage(TestServers.PROJECT)).containsEntry("instances", 0);
    assertThat(FakeHypervisor.read(cloud.hypervisors().resolve("host-1"))).isEmpty();
  }
}
