package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.api.http.ApiFault;
import org.kilonova.boot.BootRefusedException;
import org.kilonova.boot.BootRequest;
import org.kilonova.boot.Boots;
import org.kilonova.identity.Caller;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.testing.FakeBootReferences;
import org.kilonova.testing.FakeInstances;
import org.kilonova.testing.FakeNetworks;
import org.kilonova.testing.FakeQuotas;
import org.kilonova.testing.TestServers;

class ServerCreationTest {
  private static final Caller MEMBER = caller("member");
  private static final Caller ADMIN = caller("member", "admin");

  private final FakeInstances instances = new FakeInstances(() -> TestServers.T0, row -> {});
  private final FakeBootReferences references = new FakeBootReferences();
  private final FakeQuotas quotas = new FakeQuotas();
  private final Boots boots =
      new Boots(
          new Boots.Ports(references, new FakeNetworks(), quotas, instances, () -> TestServers.T0),
          Boots.Settings.DEFAULT);

  private static Caller caller(String... roles) {
    return new Caller(
        "user1", "u", "default", TestServers.PROJECT, "p", null, false, Set.of(roles));
  }

  private List<InstanceSpec> create(Caller caller, String more) {
    return create(CreateRequestTest.body(more), caller);
  }

  private List<InstanceSpec> create(JsonNode body, Caller caller) {
    try {
      BootRequest request = CreateRequest.parse(body, 74);
      ServersApi.permit(request, caller);
      return boots.create(request, caller, TestServers.CREATE);
    } catch (BootRefusedException e) {
      throw ServersApi.fault(e);
    }
  }

  private void refused(int status, String message, Caller caller, String more) {
    assertThatThrownBy(() -> create(caller, more))
        .isInstanceOfSatisfying(
            ApiFault.class, fault -> assertThat(fault.status()).isEqualTo(status))
        .hasMessage(message);
    assertThat(instances.ids()).as("nothing was created").isEmpty();
    assertThat(quotas.claims).as("nothing is claimed").isEmpty();
    assertThat(references.members).as("no group was joined").isEmpty();
  }

  // ---- what is kept ----------------------------------------------------------------------------

  @Test
  void theSpecHoldsWhatWasAskedForAndWhatItRefersTo() {
    InstanceSpec spec =
        create(MEMBER, "{'key_name': 'key1', 'metadata': {'a': 'b'}, 'description': 'd'}")
            .getFirst();
    assertThat(instances.state(spec.id()))
        .isInstanceOfSatisfying(
            Building.class, s -> assertThat(s.instance().spec()).isEqualTo(spec));
    assertThat(spec.number()).isEqualTo(100);
    assertThat(spec.flavor()).isEqualTo(TestServers.FLAVOR);
    assertThat(spec.image().kernelId()).isEqualTo(TestServers.KERNEL);
    assertThat(spec.keyPublic()).isEqualTo("ssh-rsa AAAA");
    assertThat(spec.projectId()).isEqualTo(TestServers.PROJECT);
    assertThat(spec.userId()).isEqualTo("user1");
    assertThat(spec.securityGroups()).containsExactly("default");
    assertThat(spec.hostname()).isEqualTo("web");
    assertThat(spec.adminPass()).hasSize(12);
    assertThat(spec.reservationId()).startsWith("r-");
    assertThat(spec.rootDeviceName()).isEqualTo("/dev/vda");
    assertThat(spec.requestedAt()).isEqualTo(TestServers.T0);
    assertThat(quotas.claims).containsOnlyKeys(spec.id());
  }

  @Test
  void severalServersShareAReservationAndAreNumbered() {
    List<InstanceSpec> specs = create(MEMBER, "{'min_count': 3}");
    assertThat(specs).extracting(InstanceSpec::name).containsExactly("web-1", "web-2", "web-3");
    assertThat(specs).extracting(InstanceSpec::hostname).containsExactly("web-1", "web-2", "web-3");
    assertThat(specs).extracting(InstanceSpec::launchIndex).containsExactly(0, 1, 2);
    assertThat(specs).extracting(InstanceSpec::number).containsExactly(100, 101, 102);
    assertThat(specs)
        .extracting(InstanceSpec::reservationId)
        .containsOnly(specs.get(0).reservationId());
    assertThat(specs).extracting(InstanceSpec::id).doesNotHaveDuplicates();
  }

  @Test
  void asManyAsFitAreCreatedIfTheyAreEnough() {
    quotas.room = 2;
    assertThat(create(MEMBER, "{'min_count': 1, 'max_count': 5}"))
        .extracting(InstanceSpec::name)
        .containsExactly("web-1", "web-2");
  }

  @Test
  void aKernelIdOfNokernelMeansNone() {
    ImageSpec image = TestServers.image();
    references.images.put(
        TestServers.IMAGE,
        new ImageSpec(image.id(), "i", "ami", "ami", "c", 1, 0, 0, "nokernel", "x", Map.of()));
    assertThat(create(MEMBER, "{}").getFirst().image().kernelId()).isNull();
    assertThat(create(MEMBER, "{}").getFirst().image().ramdiskId()).isNull();
  }

  @Test
  void theImageChoosesTheRootDevice() {
    ImageSpec image = TestServers.image();
    references.images.put(
        TestServers.IMAGE,
        new ImageSpec(
            image.id(),
            "i",
            "ami",
            "ami",
            "c",
            1,
            0,
            0,
            null,
            null,
            Map.of("root_device_name", "sda1", "img_config_drive", "mandatory")));
    InstanceSpec spec = create(MEMBER, "{}").getFirst();
    assertThat(spec.rootDeviceName()).isEqualTo("/dev/sda1");
    assertThat(spec.configDrive()).isTrue();
  }

  @Test
  void administratorsMayNameAHost() {
    InstanceSpec spec =
        create(ADMIN, "{'availability_zone': 'nova:compute1:compute1.example.org'}").getFirst();
    assertThat(spec.availabilityZone()).isEqualTo("nova");
    assertThat(spec.hostHint()).isEqualTo("compute1");
    assertThat(spec.nodeHint()).isEqualTo("compute1.example.org");
    assertThat(create(ADMIN, "{'host': 'compute1'}").getFirst().hostHint()).isEqualTo("compute1");
  }

  // ---- what is refused -------------------------------------------------------------------------

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "400 | Flavor 9 could not be found. | {'flavorRef': '9'}",
        "400 | Can not find requested image | {'imageRef': '00000000-0000-4000-8000-000000000000'}",
        "400 | Invalid key_name provided. | {'key_name': 'nobody'}",
        "400 | The requested availability zone is not available | {'availability_zone': 'moon'}",
        "400 | Security group web not found. | {'security_groups': [{'name': 'web'}]}",
        "400 | Network 3a1b2c3d-0000-4000-8000-00000000000a could not be found. | {'networks':"
            + " [{'uuid': '3a1b2c3d-0000-4000-8000-00000000000a'}]}",
        "403 | Policy doesn't allow os_compute_api:servers:create:forced_host to be performed. |"
            + " {'availability_zone': 'nova:compute1'}",
        "403 | Policy doesn't allow compute:servers:create:requested_destination to be performed. |"
            + " {'host': 'compute1'}",
        "403 | Quota exceeded for instances | {'min_count': 11}",
      })
  void isRefusedAndLeavesNothing(int status, String message, String more) {
    refused(status, message, MEMBER, more);
  }

  @Test
  void anUnknownHostIsRefusedForAdministratorsToo() {
    refused(400, "Compute host h9 could not be found.", ADMIN, "{'host': 'h9'}");
    refused(400, "Compute host n9 could not be found.", ADMIN, "{'hypervisor_hostname': 'n9'}");
  }

  @Test
  void aThreePartImageNeedsItsKernel() {
    references.images.remove(TestServers.KERNEL);
    refused(400, "Can not find requested image", MEMBER, "{}");
  }

  // ---- groups ----------------------------------------------------------------------------------

  private List<InstanceSpec> createInGroup(String group, String more) {
    var body = CreateRequestTest.body(more);
    body.putObject("os:scheduler_hints").put("group", group);
    return create(body, MEMBER);
  }

  @Test
  void serversJoinTheGroupOfTheHint() {
    List<InstanceSpec> specs = createInGroup(TestServers.GROUP, "{'min_count': 2}");
    assertThat(specs).allMatch(s -> s.serverGroup().id().equals(TestServers.GROUP));
    assertThat(references.members).containsExactlyInAnyOrder(specs.get(0).id(), specs.get(1).id());
  }

  @Test
  void aFullOrUnknownGroupIsRefusedAndTheClaimsAreGivenBack() {
    assertThatThrownBy(() -> createInGroup(TestServers.GROUP, "{'min_count': 4}"))
        .hasMessage("Quota exceeded, too many servers in group");
    assertThat(quotas.claims).isEmpty();
    assertThatThrownBy(() -> createInGroup(TestServers.IMAGE, "{}"))
        .hasMessage("Instance group " + TestServers.IMAGE + " could not be found.");
    assertThat(instances.ids()).isEmpty();
  }

  // ---- handing over ----------------------------------------------------------------------------

  @Test
  void oneThatIsRefusedGivesItsClaimBackAndTheOthersStand() {
    instances.refusing.add(1);
    List<InstanceSpec> specs = createInGroup(TestServers.GROUP, "{'min_count': 2, 'max_count': 3}");
    assertThat(specs).extracting(InstanceSpec::launchIndex).containsExactly(0, 2);
    assertThat(quotas.claims).containsOnlyKeys(specs.get(0).id(), specs.get(1).id());
    assertThat(references.members).containsExactlyInAnyOrder(specs.get(0).id(), specs.get(1).id());
  }

  @Test
  void ifTooFewAreAcceptedThoseThatWereAreDeletedAgain() {
    instances.refusing.add(2);
    assertThatThrownBy(() -> create(MEMBER, "{'min_count': 3}"))
        .isInstanceOfSatisfying(ApiFault.class, fault -> assertThat(fault.status()).isEqualTo(503));
    assertThat(instances.ids()).hasSize(2);
    assertThat(instances.ids())
        .allMatch(id -> instances.state(id) instanceof InstanceState.Deleting);
  }

  @Test
  void oneThatDoesNotAnswerKeepsItsClaimSinceItMayExist() {
    instances.silent.add(0);
    assertThatThrownBy(() -> create(MEMBER, "{}"))
        .isInstanceOfSatisfying(ApiFault.class, fault -> assertThat(fault.status()).isEqualTo(503));
    assertThat(quotas.claims).hasSize(1);
  }
}
