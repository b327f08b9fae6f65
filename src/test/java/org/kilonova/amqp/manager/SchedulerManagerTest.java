package org.kilonova.amqp.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.service.TryAgainException;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.testing.TestServers;

class SchedulerManagerTest {
  private static final String A = "11111111-0000-4000-8000-00000000000a";
  private static final String B = "11111111-0000-4000-8000-00000000000b";
  private static final String FLAVOR =
      "{'id': 5, 'flavorid': '77', 'name': 'theirs', 'memory_mb': 64, 'vcpus': 2, 'root_gb': 1,"
          + " 'ephemeral_gb': 0, 'swap': 0, 'rxtx_factor': 1.0, 'extra_specs': {'a': 'b'}}";

  private final Office office = new Office();

  private InstanceSpec spec(InstanceId id) {
    return ((Building) office.instances.state(id)).instance().spec();
  }

  /** As {@code nova/compute/api.py} of Folsom to Havana casts it. */
  private static String havana(String properties, String uuids, String more) {
    return """
    {'request_spec': {'image': {'id': '%s', 'properties': {}},
       'instance_properties': {'project_id': '%s', 'user_id': 'user1', 'display_name': 'web',
         'reservation_id': 'r-12345678', 'key_name': 'k', 'key_data': 'ssh-rsa BBBB',
         'metadata': {'a': 'b'}, 'launch_index': 0, 'config_drive': '' %s},
       'instance_type': %s, 'instance_uuids': %s, 'block_device_mapping': [],
       'security_group': ['default']},
     'admin_password': 'pw', 'injected_files': [['/etc/motd', 'aGVsbG8=']],
     'requested_networks': null, 'is_first_time': true, 'legacy_bdm_in_spec': true,
     'filter_properties': {'scheduler_hints': {}, 'force_hosts': ['compute7']} %s}
    """
        .formatted(TestServers.IMAGE, TestServers.PROJECT, properties, FLAVOR, uuids, more);
  }

  private Object run(String args) {
    return office.call("scheduler", "run_instance", args);
  }

  // ---- booting ---------------------------------------------------------------------------------

  @Test
  void theServersOfHavanasMessageAreWhatItSays() {
    run(havana("", "['" + A + "', '" + B + "']", ""));
    assertThat(office.instances.ids())
        .containsExactlyInAnyOrder(InstanceId.of(A), InstanceId.of(B));
    InstanceSpec spec = spec(InstanceId.of(A));
    assertThat(spec.name()).isEqualTo("web-1");
    assertThat(spec.flavor().id()).isEqualTo("77");
    assertThat(spec.flavor().memoryMb()).isEqualTo(64);
    assertThat(spec.flavor().extraSpecs()).isEqualTo(Map.of("a", "b"));
    assertThat(spec.image().id()).isEqualTo(TestServers.IMAGE);
    assertThat(spec.keyPublic()).isEqualTo("ssh-rsa BBBB");
    assertThat(spec.reservationId()).isEqualTo("r-12345678");
    assertThat(spec.metadata()).isEqualTo(Map.of("a", "b"));
    assertThat(spec.adminPass()).isEqualTo("pw");
    assertThat(spec.hostHint()).isEqualTo("compute7");
    assertThat(spec.personality())
        .singleElement()
        .satisfies(f -> assertThat(f.contents()).isEqualTo("aGVsbG8="));
    InstanceRequested requested =
        (InstanceRequested) office.instances.history(InstanceId.of(A)).getFirst().event();
    assertThat(requested.context().requestId()).isEqualTo("req-1");
    assertThat(requested.context().more()).containsEntry("roles", List.of("member"));
  }

  @Test
  void theSameInstanceInTwoMessagesIsOneServerAndCostsOnce() {
    run(havana("", "['" + A + "']", ""));
    office.messageId = "message-2";
    office.quotas.room = 0;
    run(havana(", 'display_name': 'other'", "['" + A + "']", ""));
    assertThat(office.instances.history(InstanceId.of(A))).hasSize(1);
    assertThat(spec(InstanceId.of(A)).name()).isEqualTo("web");
  }

  /** Essex: the scheduler makes the instances, and is called if there are several. */
  @Test
  void instancesWithoutUuidsGetTheSameOnesWhenTheMessageComesAgain() {
    office.version = "1.0";
    String essex =
        havana("", "null", ", 'topic': 'compute'").replace("'swap'", "'num_instances_': 2, 'swap'");
    essex = essex.replace("'instance_uuids': null", "'num_instances': 2");
    Object first = run(essex);
    assertThat((List<?>) first).hasSize(2);
    assertThat(run(essex))
        .asInstanceOf(org.assertj.core.api.InstanceOfAssertFactories.LIST)
        .hasSize(2);
    assertThat(office.instances.ids()).hasSize(2);
    office.messageId = "message-2";
    run(essex);
    assertThat(office.instances.ids()).hasSize(4);
  }

  /** Diablo: the instance is a row of its database, which has no uuid. */
  @Test
  void anInstanceWithANumberIsTheSameInEveryMessageOfItsReservation() {
    office.version = "1.0";
    String diablo =
        havana(", 'id': 4711", "null", ", 'topic': 'compute', 'instance_id': 4711")
            .replace("'instance_uuids': null", "'num_instances': 1")
            .replace("'root_gb'", "'local_gb'");
    run(diablo);
    office.messageId = "message-2";
    run(diablo);
    assertThat(office.instances.ids()).hasSize(1);
    run(diablo.replace("4711", "4712"));
    assertThat(office.instances.ids()).hasSize(2);
    InstanceSpec spec = spec(office.instances.ids().iterator().next());
    assertThat(spec.flavor().diskGb()).isEqualTo(1);
    assertThat(spec.personality().getFirst().contents())
        .as("in plain text then")
        .isEqualTo("YUdWc2JHOD0=");
  }

  @Test
  void aFlavorThatIsOnlyNamedIsOneOfOurs() {
    run(havana("", "['" + A + "']", "").replace(FLAVOR, "{'flavorid': '1'}"));
    assertThat(spec(InstanceId.of(A)).flavor()).isEqualTo(TestServers.FLAVOR);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "null | null",
        "[['n1', null], ['n2', '10.0.0.9']] | n1,null,null n2,10.0.0.9,null",
        "[['n1', null, null], [null, null, 'p1']] | n1,null,null null,null,p1",
        "[['n1', '10.0.0.9', null, null]] | n1,10.0.0.9,null",
        "{'nova_object.name': 'NetworkRequestList', 'nova_object.data': {'objects': ["
            + "{'nova_object.name': 'NetworkRequest', 'nova_object.data': {'network_id': 'n1',"
            + " 'address': null, 'port_id': null}}]}} | n1,null,null",
      })
  void networksAreReadInEveryForm(String sent, String read) {
    String networks =
        String.join(
            " ",
            BootMessage.networks(Office.json("{'requested_networks': " + sent + "}"))
                .networks()
                .stream()
                .map((RequestedNetwork n) -> n.networkId() + "," + n.fixedIp() + "," + n.portId())
                .toList());
    assertThat(networks.isEmpty() ? "null" : networks).isEqualTo(read);
  }

  // ---- what is refused -------------------------------------------------------------------------

  @Test
  void withoutAProjectNothingIsBooted() {
    office.context.remove("project_id");
    assertThat(office.refusal("scheduler", "run_instance", havana("", "['" + A + "']", "")))
        .extracting(RpcException::className)
        .isEqualTo("Forbidden");
    assertThat(office.instances.ids()).isEmpty();
  }

  @Test
  void onlyAnAdministratorBootsForAnotherProject() {
    office.context.put("project_id", "another");
    assertThat(
            office
                .refusal("scheduler", "run_instance", havana("", "['" + A + "']", ""))
                .className())
        .isEqualTo("Forbidden");
    office.context.put("is_admin", true);
    run(havana("", "['" + A + "']", ""));
    assertThat(spec(InstanceId.of(A)).projectId()).isEqualTo(TestServers.PROJECT);
  }

  @Test
  void whatCannotBeIsNovasException() {
    office.quotas.room = 0;
    String args = havana("", "['" + A + "']", "");
    assertThat(office.refusal("scheduler", "run_instance", args).className())
        .isEqualTo("TooManyInstances");
    assertThat(
            office
                .refusal(
                    "scheduler",
                    "run_instance",
                    args.replace(TestServers.IMAGE, "00000000-0000-4000-8000-000000000000"))
                .className())
        .isEqualTo("ImageNotFound");
    assertThat(
            office
                .refusal(
                    "scheduler",
                    "run_instance",
                    args.replace(
                        "'block_device_mapping': []", "'block_device_mapping': [{'volume_id': 7}]"))
                .className())
        .isEqualTo("NotImplementedError");
    assertThat(office.refusal("scheduler", "run_instance", args.replace(A, "no-uuid")).className())
        .isEqualTo("InvalidUUID");
    assertThat(office.instances.ids()).isEmpty();
  }

  @Test
  void ifItIsNotKnownWhetherItWasAcceptedTheMessageComesAgain() {
    office.instances.silent.add(0);
    String args = havana("", "['" + A + "']", "");
    assertThatThrownBy(() -> run(args)).isInstanceOf(TryAgainException.class);
    office.instances.silent.clear();
    run(args);
    assertThat(office.instances.ids()).containsExactly(InstanceId.of(A));
    assertThat(office.quotas.claims).hasSize(1);
  }

  @Test
  void volumesAreNotThereYetAndSaySo() {
    assertThat(office.refusal("scheduler", "create_volume", "{'volume_id': 'v'}"))
        .hasMessageContaining("not served by this cloud yet");
  }

  // ---- choosing --------------------------------------------------------------------------------

  private static HostsSelected selected(RequestSpec request) {
    return new HostsSelected(
        request.id(),
        request.attempt(),
        new Candidate(new HostId("h1"), "n1", "nova", new Resources(16, 1024, 50)),
        List.of(new Candidate(TestServers.HOST, "n2", "nova")),
        "1 of 2 hosts");
  }

  @Test
  void destinationsAreToldWithLimitsAndTheReason() {
    office.scheduler = SchedulerManagerTest::selected;
    Object answer =
        office.call(
            "scheduler",
            "select_destinations",
            "{'request_spec': {'instance_type': %s, 'num_instances': 2, 'instance_properties': {'project_id': 'p', 'availability_zone': 'az1'}, 'image': {}}, 'filter_properties': {'ignore_hosts': ['h8'], 'retry': {'num_attempts': 1, 'hosts': [['h9', 'n9']]}, 'force_hosts': ['h1'], 'scheduler_hints': {'group': 'g'}}}"
                .formatted(FLAVOR));
    Map<String, Object> one =
        Map.of(
            "host", "h1",
            "nodename", "n1",
            "limits", Map.of("vcpu", 16, "memory_mb", 1024L, "disk_gb", 50L),
            "explanation", "1 of 2 hosts");
    assertThat(answer).isEqualTo(List.of(one, one));
    RequestSpec asked = office.asked.getFirst();
    assertThat(asked.excluded()).isEqualTo(Set.of(new HostId("h8"), new HostId("h9")));
    assertThat(asked.hostHint()).isEqualTo("h1");
    assertThat(asked.availabilityZone()).isEqualTo("az1");
    assertThat(asked.flavor().vcpus()).isEqualTo(2);
    assertThat(asked.hints()).isEqualTo(Map.of("group", List.of("g")));
  }

  @Test
  void todaysCallersGetSelectionObjects() {
    office.scheduler =
        request ->
            new HostsSelected(
                request.id(),
                request.attempt(),
                new Candidate(TestServers.HOST, "n", "nova"),
                List.of(new Candidate(TestServers.HOST, "n2", "nova")),
                "why");
    Object answer =
        office.call(
            "scheduler",
            "select_destinations",
            """
            {'spec_obj': {'nova_object.name': 'RequestSpec', 'nova_object.version': '1.14',
               'nova_object.data': {'num_instances': 1, 'project_id': 'p',
                 'flavor': {'nova_object.name': 'Flavor', 'nova_object.data': %s},
                 'image': null, 'ignore_hosts': null, 'force_hosts': null, 'retry': null,
                 'instance_group': null, 'scheduler_hints': {}}},
             'instance_uuids': ['%s'], 'return_objects': true, 'return_alternates': true}
            """
                .formatted(FLAVOR, A));
    assertThat((List<?>) answer).hasSize(1);
    List<?> hosts = (List<?>) ((List<?>) answer).getFirst();
    assertThat(hosts).hasSize(2);
    Map<String, Object> first = Dicts.map(hosts.getFirst());
    assertThat(first)
        .containsEntry("service_host", "compute1")
        .containsEntry("nodename", "n")
        .containsEntry("compute_node_uuid", "00000000-0000-0000-0000-000000000002");
    assertThat(office.asked.getFirst().id()).isEqualTo(InstanceId.of(A));
  }

  @Test
  void whereNoHostIsFoundTheCallerHearsWhy() {
    String args = "{'request_spec': {'instance_type': " + FLAVOR + "}, 'filter_properties': {}}";
    assertThatThrownBy(() -> office.call("scheduler", "select_destinations", args))
        .as("a scheduler that has just started")
        .isInstanceOf(TryAgainException.class);
    office.scheduler = r -> new NoValidHost(r.id(), r.attempt(), "RamFilter dropped 3", false);
    RpcException refused = office.refusal("scheduler", "select_destinations", args);
    assertThat(refused.className()).isEqualTo("NoValidHost");
    assertThat(refused).hasMessage("No valid host was found. RamFilter dropped 3");
  }

  // ---- the rest --------------------------------------------------------------------------------

  @Test
  void reportsOfStrangersAreCountedAndMoveNothing() {
    office.call(
        "scheduler",
        "update_service_capabilities",
        "{'service_name': 'compute', 'host': 'x', 'capabilities': [{'free_ram': 1}]}");
    SchedulerManager scheduler =
        (SchedulerManager)
            office.managers.stream().filter(m -> m.topic().equals("scheduler")).findFirst().get();
    assertThat(scheduler.capabilityReports()).isEqualTo(1);
  }

  @Test
  void aMethodForATopicIsDoneByThatTopic() {
    RpcException refused =
        office.refusal(
            "scheduler", "stop_instance", "{'topic': 'compute', 'instance_id': '" + A + "'}");
    assertThat(refused.className()).isEqualTo("InstanceNotFound");
    assertThat(office.refusal("scheduler", "fly", "{'topic': 'compute'}").className())
        .isEqualTo("NoSuchMethod");
    assertThat(office.refusal("scheduler", "fly", "{}").className()).isEqualTo("NoSuchMethod");
  }

  @Test
  void noTwoManagersAnswerTheSame() {
    assertThat(new ManagerRegistry(office.managers).listening())
        .extracting(ManagerRegistry.Listening::topic)
        .containsExactlyInAnyOrder("scheduler", "compute", "network", "volume", "consoleauth");
  }
}
