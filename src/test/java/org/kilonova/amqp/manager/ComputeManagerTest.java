package org.kilonova.amqp.manager;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.compute.ComputeProtocol.Display;
import org.kilonova.instance.InstanceEvent.InstanceLocked;
import org.kilonova.instance.InstanceState.Active;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Deleting;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Lock;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.InstanceId;
import org.kilonova.testing.TestServers;

class ComputeManagerTest {
  private static final InstanceId ID = InstanceId.of("11111111-0000-4000-8000-00000000000a");
  private static final String INSTANCE = "{'instance_uuid': '" + ID + "'}";

  private final Office office = new Office();

  @BeforeEach
  void anActiveInstance() {
    office.instances.happen(
        ID,
        TestServers.requested(TestServers.spec(ID, "web", TestServers.PROJECT, 42)),
        TestServers.selected(),
        TestServers.allocated("10.0.0.4"),
        TestServers.mapped(),
        TestServers.confirmed(),
        TestServers.activated());
  }

  private TaskKind task() {
    return office.instances.state(ID) instanceof Active a && a.task() != null
        ? a.task().kind()
        : null;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'instance': {'uuid': '11111111-0000-4000-8000-00000000000a', 'id': 7, 'host': 'x'}}",
        "{'instance': {'nova_object.name': 'Instance', 'nova_object.data': {'uuid': '11111111-0000-4000-8000-00000000000a', 'id': 7}}}",
        "{'instance': '11111111-0000-4000-8000-00000000000a'}",
        "{'instance_uuid': '11111111-0000-4000-8000-00000000000a'}",
        "{'instance_id': '11111111-0000-4000-8000-00000000000a'}",
        "{'instance_id': 42}",
        "{'instance': {'id': 42}}",
      })
  void anInstanceIsFoundByWhateverNamesIt(String args) {
    office.call("compute", "stop_instance", args);
    assertThat(task()).isEqualTo(TaskKind.POWERING_OFF);
  }

  @ParameterizedTest
  @CsvSource({
    "reboot_instance, SOFT, REBOOTING",
    "reboot_instance, HARD, REBOOTING_HARD",
    "stop_instance, SOFT, POWERING_OFF",
    "power_off_instance, SOFT, POWERING_OFF",
  })
  void tasksAreStarted(String method, String type, TaskKind kind) {
    office.call(
        "compute", method, "{'instance_uuid': '" + ID + "', 'reboot_type': '" + type + "'}");
    assertThat(task()).isEqualTo(kind);
  }

  @Test
  void theSameMessageAgainStartsNothingTwice() {
    office.context.remove("request_id");
    office.call("compute", "stop_instance", INSTANCE);
    int events = office.instances.history(ID).size();
    office.call("compute", "stop_instance", INSTANCE);
    assertThat(office.instances.history(ID)).hasSize(events);
    office.messageId = "message-2";
    assertThat(office.refusal("compute", "stop_instance", INSTANCE).className())
        .isEqualTo("InstanceInvalidState");
  }

  @Test
  void terminatingDeletes() {
    office.call("compute", "terminate_instance", INSTANCE);
    assertThat(office.instances.state(ID)).isInstanceOf(Deleting.class);
  }

  @Test
  void whatDoesNotFitTheStateIsRefusedInNovasWords() {
    RpcException refused = office.refusal("compute", "start_instance", INSTANCE);
    assertThat(refused.module()).isEqualTo("nova.exception");
    assertThat(refused.className()).isEqualTo("InstanceInvalidState");
    assertThat(refused)
        .hasMessage("Cannot 'start' instance " + ID + " while it is in vm_state active");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{'instance_id': 99}", "{'instance_uuid': '%s'}"})
  void anUnknownInstanceIsNotFound(String args) {
    String id = InstanceId.random().toString();
    RpcException refused = office.refusal("compute", "reboot_instance", args.formatted(id));
    assertThat(refused.className()).isEqualTo("InstanceNotFound");
    assertThat(refused.kwargs()).containsEntry("code", 404).containsKey("instance_id");
    assertThat(office.refusal("compute", "reboot_instance", "{}").className())
        .isEqualTo("TypeError");
  }

  @Test
  void anotherProjectsInstanceIsAnAdministratorsOnly() {
    office.context.put("project_id", "another");
    assertThat(office.refusal("compute", "stop_instance", INSTANCE).className())
        .isEqualTo("Forbidden");
    office.context.put("is_admin", true);
    office.call("compute", "stop_instance", INSTANCE);
    assertThat(task()).isEqualTo(TaskKind.POWERING_OFF);
  }

  // ---- fixed addresses -------------------------------------------------------------------------

  @Test
  void addressesAreAddedAndRemovedAndTheInstanceKnows() {
    office.networks.has(ID, TestServers.nic("10.0.0.4"));
    office.call("compute", "add_fixed_ip_to_instance", onNetwork("net1"));
    assertThat(addresses()).containsExactly("10.0.0.4", "10.0.0.100");

    office.messageId = "message-2";
    office.call(
        "compute",
        "remove_fixed_ip_from_instance",
        "{'instance_uuid': '" + ID + "', 'address': '10.0.0.100'}");
    assertThat(addresses()).containsExactly("10.0.0.4");
  }

  @Test
  void theSameMessageAgainAddsNoSecondAddress() {
    office.networks.has(ID, TestServers.nic("10.0.0.4"));
    office.call("compute", "add_fixed_ip_to_instance", onNetwork("net1"));
    int events = office.instances.history(ID).size();
    office.call("compute", "add_fixed_ip_to_instance", onNetwork("net1"));
    assertThat(addresses()).hasSize(2);
    assertThat(office.instances.history(ID)).hasSize(events);

    office.messageId = "message-2";
    office.call("compute", "add_fixed_ip_to_instance", onNetwork("net1"));
    assertThat(addresses()).hasSize(3);
  }

  @Test
  void whatDiedBetweenTheNetworkServiceAndTheInstanceIsMendedByTheMessageAgain() {
    office.networks.has(ID, TestServers.nic("10.0.0.4"));
    office.networks.afterChange =
        () -> {
          throw new IllegalStateException("killed");
        };
    assertThatThrownBy(() -> office.call("compute", "add_fixed_ip_to_instance", onNetwork("net1")))
        .hasMessage("killed");
    assertThat(addresses()).hasSize(1);
    assertThat(office.networks.nics(ID).getFirst().addresses()).hasSize(2);
    // Locked since; but it was not when this was done.
    office.instances.happen(
        ID, new InstanceLocked(new Lock("owner", null), TestServers.CREATE, TestServers.at(6)));

    office.call("compute", "add_fixed_ip_to_instance", onNetwork("net1"));
    assertThat(addresses()).isEqualTo(office.networks.nics(ID).getFirst().addresses()).hasSize(2);
  }

  @Test
  void whatCannotBeAddedOrRemovedIsRefusedInNovasWords() {
    office.networks.has(ID, TestServers.nic("10.0.0.4"));
    assertThat(
            office
                .refusal("compute", "add_fixed_ip_to_instance", onNetwork("elsewhere"))
                .className())
        .isEqualTo("NetworkNotFound");
    assertThat(office.refusal("compute", "add_fixed_ip_to_instance", INSTANCE).className())
        .isEqualTo("TypeError");
    assertThat(
            office
                .refusal(
                    "network",
                    "remove_fixed_ip_from_instance",
                    "{'instance_id': '" + ID + "', 'host': 'h', 'address': '10.0.0.9'}")
                .className())
        .isEqualTo("FixedIpNotFoundForSpecificInstance");
    office.context.put("project_id", "another");
    assertThat(office.refusal("network", "add_fixed_ip_to_instance", onNetwork("net1")).className())
        .isEqualTo("Forbidden");
    assertThat(office.networks.nics(ID).getFirst().addresses()).hasSize(1);
  }

  @Test
  void aLockedInstanceKeepsItsAddresses() {
    office.networks.has(ID, TestServers.nic("10.0.0.4"));
    office.instances.happen(
        ID, new InstanceLocked(new Lock("owner", null), TestServers.CREATE, TestServers.at(6)));
    assertThat(office.refusal("compute", "add_fixed_ip_to_instance", onNetwork("net1")).className())
        .isEqualTo("InstanceIsLocked");
    assertThat(office.networks.nics(ID).getFirst().addresses()).hasSize(1);
  }

  @Test
  void theNetworkTopicAnswersWithTheNetworkInfoAlsoForAnInstanceThatIsNoneOfOurs() {
    InstanceId foreign = InstanceId.random();
    for (InstanceId id : List.of(ID, foreign)) {
      office.networks.has(id, TestServers.nic("10.0.0.4"));
      Object info =
          office.call(
              "network",
              "add_fixed_ip_to_instance",
              "{'instance_id': '%s', 'host': 'h', 'network_id': 'net1', 'rxtx_factor': 1.0}"
                  .formatted(id));
      assertThat(info).isEqualTo(NetworkInfoModel.of(office.networks.nics(id)));
      assertThat(office.networks.nics(id).getFirst().addresses()).hasSize(2);
    }
    assertThat(addresses()).hasSize(2);
    assertThat(office.instances.history(foreign)).isEmpty();
  }

  private static String onNetwork(String network) {
    return "{'instance_uuid': '%s', 'network_id': '%s'}".formatted(ID, network);
  }

  private List<String> addresses() {
    return ((Present) office.instances.state(ID)).instance().nics().getFirst().addresses();
  }

  // ---- boots -----------------------------------------------------------------------------------

  @Test
  void anObjectIsBuiltOnTheHostThatTheMessageWasSentTo() {
    InstanceId id = InstanceId.random();
    office.server = "compute7";
    office.version = "6.0";
    office.call(
        "compute",
        "build_and_run_instance",
        """
        {'instance': {'nova_object.name': 'Instance', 'nova_object.version': '2.8',
           'nova_object.data': {'uuid': '%s', 'id': 7, 'project_id': '%s', 'user_id': 'user1',
             'display_name': 'new', 'hostname': 'new', 'image_ref': '%s', 'key_name': null,
             'metadata': {}, 'reservation_id': 'r-abcdefgh', 'config_drive': 'True',
             'flavor': {'nova_object.name': 'Flavor', 'nova_object.data': {'flavorid': '9',
               'name': 'f', 'memory_mb': 64, 'vcpus': 1, 'root_gb': 1, 'ephemeral_gb': 0,
               'swap': 0, 'rxtx_factor': 1.0, 'extra_specs': {}}}}},
         'image': {'id': '%s', 'status': 'active'}, 'request_spec': {'nova_object.name':
           'RequestSpec', 'nova_object.data': {'num_instances': 1}}, 'filter_properties': {},
         'accel_uuids': [], 'admin_password': 'pw', 'injected_files': [],
         'requested_networks': {'nova_object.name': 'NetworkRequestList', 'nova_object.data':
           {'objects': [{'nova_object.name': 'NetworkRequest', 'nova_object.data':
             {'network_id': 'none'}}]}},
         'security_groups': [], 'block_device_mapping': {'nova_object.name':
           'BlockDeviceMappingList', 'nova_object.data': {'objects': [{'nova_object.data':
             {'source_type': 'image', 'destination_type': 'local', 'volume_id': null,
              'snapshot_id': null}}]}},
         'node': 'n', 'limits': {}, 'host_list': []}
        """
            .formatted(id, TestServers.PROJECT, TestServers.IMAGE, TestServers.IMAGE));
    assertThat(office.instances.state(id))
        .isInstanceOfSatisfying(
            Building.class,
            b -> {
              assertThat(b.instance().spec().hostHint()).isEqualTo("compute7");
              assertThat(b.instance().spec().flavor().id()).isEqualTo("9");
              assertThat(b.instance().spec().configDrive()).isTrue();
              assertThat(b.instance().spec().hostname()).isEqualTo("new");
            });
  }

  /** Essex names the instance only: it is there, or it is not. */
  @Test
  void runningAnInstanceThatIsOursAlreadyIsDone() {
    int events = office.instances.history(ID).size();
    office.call("compute", "run_instance", INSTANCE);
    assertThat(office.instances.history(ID)).hasSize(events);
    assertThat(
            office
                .refusal(
                    "compute", "run_instance", "{'instance_uuid': '" + InstanceId.random() + "'}")
                .className())
        .isEqualTo("InstanceNotFound");
  }

  // ---- questions -------------------------------------------------------------------------------

  @Test
  void theConsolesTailIsText() {
    office.instances.console = "one\ntwo\n\u0007three";
    assertThat(office.call("compute", "get_console_output", INSTANCE)).isEqualTo("one\ntwo\nthree");
    assertThat(
            office.call(
                "compute",
                "get_console_output",
                "{'instance_uuid': '" + ID + "', 'tail_length': 2}"))
        .isEqualTo("two\nthree");
  }

  private static String console(String type) {
    return "{'console_type': '" + type + "', 'instance': {'uuid': '" + ID + "'}}";
  }

  @Test
  void aDisplayIsGivenWithATokenThatProxiesCanAskAbout() {
    assertThat(office.call("compute", "get_vnc_console", console("novnc")))
        .isEqualTo(
            Office.json(
                "{'token': 'token-0', 'host': '192.0.2.7', 'port': 5901,"
                    + " 'internal_access_path': null,"
                    + " 'access_url': 'http://127.0.0.1:6080/vnc.html?path=%3Ftoken%3Dtoken-0'}"));
    assertThat(office.call("consoleauth", "check_token", "{'token': 'token-0'}"))
        .isEqualTo(
            Office.json(
                ("{'token': 'token-0', 'instance_uuid': '%s', 'console_type': 'novnc',"
                        + " 'host': '192.0.2.7', 'port': 5901, 'internal_access_path': null}")
                    .formatted(ID)));
    office.call("consoleauth", "delete_tokens_for_instance", "{'instance_uuid': '" + ID + "'}");
    assertThat(office.call("consoleauth", "check_token", "{'token': 'token-0'}")).isNull();
  }

  @Test
  void aTokenOfAClassicApiIsKnownToProxies() {
    office.call(
        "consoleauth",
        "authorize_console",
        "{'token': 't', 'console_type': 'novnc', 'host': 'h', 'port': 5900,"
            + " 'internal_access_path': null}");
    assertThat(office.call("consoleauth", "check_token", "{'token': 't'}"))
        .isEqualTo(
            Office.json(
                "{'token': 't', 'instance_uuid': null, 'console_type': 'novnc', 'host': 'h',"
                    + " 'port': 5900, 'internal_access_path': null}"));
  }

  @ParameterizedTest
  @CsvSource({
    "get_vnc_console,    novnc,       NONE,        ConsoleTypeUnavailable",
    "get_vnc_console,    novnc,       NOT_RUNNING, InstanceNotReady",
    "get_vnc_console,    xvpvnc,      ,            ConsoleTypeInvalid",
    "get_spice_console,  spice-html5, ,            ConsoleTypeUnavailable",
    "get_rdp_console,    rdp-html5,   ,            ConsoleTypeUnavailable",
    "get_serial_console, serial,      ,            ConsoleTypeUnavailable",
    "get_mks_console,    webmks,      ,            ConsoleTypeUnavailable"
  })
  void aConsoleThatThereIsNotIsRefusedAsNovaDoes(
      String method, String type, Display display, String refusal) {
    office.displays.answer = display;
    assertThat(office.refusal("compute", method, console(type)).className()).isEqualTo(refusal);
    assertThat(office.authorized).isEmpty();
  }

  @Test
  void aPortIsValidOnlyForTheInstanceThatItIsOf() {
    String args = "{'console_type': 'novnc', 'port': '%s', 'instance': {'uuid': '" + ID + "'}}";
    assertThat(office.call("compute", "validate_console_port", args.formatted("5901")))
        .isEqualTo(true);
    assertThat(office.call("compute", "validate_console_port", args.formatted("5902")))
        .isEqualTo(false);
  }

  @Test
  void diagnosticsAreOfWhatRuns() {
    assertThat(office.call("compute", "get_diagnostics", INSTANCE))
        .isEqualTo(Map.of("memory", 512 * 1024L));
    InstanceId building = InstanceId.random();
    office.instances.happen(
        building, TestServers.requested(TestServers.spec(building, "b")), TestServers.selected());
    assertThat(
            office
                .refusal("compute", "get_diagnostics", "{'instance_uuid': '" + building + "'}")
                .className())
        .isEqualTo("InstanceInvalidState");
  }

  // ---- hosts -----------------------------------------------------------------------------------

  @Test
  void aHostIsDisabledByItsNameOrByWhereTheMessageWent() {
    assertThat(office.call("compute", "set_host_enabled", "{'host': 'compute1', 'enabled': false}"))
        .isEqualTo("disabled");
    assertThat(office.disabled).containsEntry(TestServers.HOST, true);
    office.server = "compute1";
    assertThat(office.call("compute", "set_host_enabled", "{'enabled': true}"))
        .isEqualTo("enabled");
    assertThat(office.disabled).containsEntry(TestServers.HOST, false);
    assertThat(
            office
                .refusal("compute", "set_host_enabled", "{'host': 'h9', 'enabled': true}")
                .className())
        .isEqualTo("ComputeHostNotFound");
    assertThat(office.refusal("compute", "get_host_uptime", "{'host': 'h9'}").className())
        .isEqualTo("ComputeHostNotFound");
  }

  @ParameterizedTest
  @CsvSource({
    "compute, attach_volume",
    "compute, detach_volume",
    "compute, refresh_security_group_rules",
    "compute, host_power_action",
    "volume, create_volume",
    "volume, initialize_connection",
    "network, allocate_floating_ip",
  })
  void whatIsNotThereYetSaysSo(String topic, String method) {
    assertThat(office.refusal(topic, method, INSTANCE).className())
        .isEqualTo("NotImplementedError");
  }
}
