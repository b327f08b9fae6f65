package org.kilonova.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.kilonova.boot.BootRefusedException.Kind;
import org.kilonova.identity.Caller;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks.NetworkRequest;
import org.kilonova.testing.FakeBootReferences;
import org.kilonova.testing.FakeInstances;
import org.kilonova.testing.FakeNetworks;
import org.kilonova.testing.FakeQuotas;
import org.kilonova.testing.TestServers;

/** Boots of instances that the one who asks has named. */
class BootsTest {
  private static final Caller CALLER =
      new Caller("user1", "u", "default", TestServers.PROJECT, "p", null, false, Set.of("member"));
  private static final InstanceId A = InstanceId.random();
  private static final InstanceId B = InstanceId.random();
  private static final InstanceId C = InstanceId.random();

  private final FakeInstances instances = new FakeInstances(() -> TestServers.T0, row -> {});
  private final FakeQuotas quotas = new FakeQuotas();
  private final FakeBootReferences references = new FakeBootReferences();
  private final Boots boots =
      new Boots(
          new Boots.Ports(references, new FakeNetworks(), quotas, instances, () -> TestServers.T0),
          Boots.Settings.DEFAULT);

  private static BootRequest request(FlavorSpec flavor, String keyPublic, String group) {
    return new BootRequest(
        "web",
        TestServers.IMAGE,
        "1",
        flavor,
        "somebody's",
        keyPublic,
        1,
        1,
        Map.of(),
        List.of(),
        false,
        null,
        new NetworkRequest(NetworkRequest.Mode.NONE, List.of()),
        null,
        null,
        "compute7",
        null,
        null,
        null,
        "pw",
        group == null ? Map.of() : Map.of("group", List.of(group)),
        null,
        null,
        null,
        null,
        List.of(),
        null,
        null,
        "r-theirs");
  }

  private List<InstanceSpec> create(InstanceId... ids) {
    return boots.create(
        List.of(ids),
        request(TestServers.FLAVOR, "ssh-rsa BBBB", null),
        CALLER,
        TestServers.CREATE);
  }

  @Test
  void eachHasItsIdAndWhatTheSenderKnows() {
    FlavorSpec flavor = new FlavorSpec("77", "theirs", 2, 64, 1, 0, 0, 1.0, Map.of());
    List<InstanceSpec> specs =
        boots.create(
            List.of(A, B), request(flavor, "ssh-rsa BBBB", null), CALLER, TestServers.CREATE);
    assertThat(specs).extracting(InstanceSpec::id).containsExactly(A, B);
    assertThat(specs).extracting(InstanceSpec::name).containsExactly("web-1", "web-2");
    assertThat(specs).allMatch(s -> s.flavor().equals(flavor));
    assertThat(specs).allMatch(s -> s.keyPublic().equals("ssh-rsa BBBB"));
    assertThat(specs).allMatch(s -> s.reservationId().equals("r-theirs"));
    assertThat(specs).allMatch(s -> s.hostHint().equals("compute7"));
    assertThat(instances.ids()).containsExactlyInAnyOrder(A, B);
  }

  @Test
  void theSameAgainMakesNothingAndCostsNothing() {
    create(A, B);
    quotas.room = 0;
    assertThat(create(A, B)).isEmpty();
    assertThat(instances.history(A)).hasSize(1);
    assertThat(quotas.claims).containsOnlyKeys(A, B);
  }

  @Test
  void whatWasDeletedSinceIsNotMadeAgain() {
    create(A);
    instances.request(A, replyTo -> new Delete(TestServers.CREATE, true, replyTo));
    instances.happen(A, new InstanceDeleted(TestServers.at(9)));
    quotas.claims.clear();
    assertThat(create(A)).isEmpty();
    assertThat(quotas.claims).isEmpty();
  }

  @Test
  void whatIsMissingOfSeveralIsMadeWithItsOwnName() {
    create(B);
    assertThat(create(A, B, C)).extracting(InstanceSpec::id).containsExactly(A, C);
    assertThat(quotas.claims).containsOnlyKeys(A, B, C);
    instances.silent.add(0);
  }

  @Test
  void oneThatDoesNotAnswerIsToBeAskedForAgainAndTheOthersStand() {
    instances.silent.add(1);
    assertThatThrownBy(() -> create(A, B, C))
        .isInstanceOfSatisfying(
            BootRefusedException.class,
            refused -> assertThat(refused.kind()).isEqualTo(Kind.UNAVAILABLE));
    assertThat(instances.ids()).containsExactlyInAnyOrder(A, C);
    assertThat(instances.state(A).phase()).isEqualTo(instances.state(C).phase());
    instances.silent.clear();
    assertThat(create(A, B, C))
        .singleElement()
        .satisfies(
            spec -> {
              assertThat(spec.id()).isEqualTo(B);
              assertThat(spec.name()).isEqualTo("web-2");
            });
  }

  /** Its id could never be used again if it were deleted. */
  @Test
  void oneThatIsRefusedTakesNoOtherWithIt() {
    instances.refusing.add(0);
    assertThatThrownBy(() -> create(A, B)).isInstanceOf(BootRefusedException.class);
    assertThat(instances.state(A)).isInstanceOf(Absent.class);
    assertThat(instances.state(B).phase()).isEqualTo(org.kilonova.instance.Phase.SCHEDULING);
    assertThat(quotas.claims).containsOnlyKeys(A, B);
  }

  @Test
  void thoseThatAreTooManyForTheirGroupLeaveNothing() {
    BootRequest request = request(TestServers.FLAVOR, "ssh-rsa BBBB", TestServers.GROUP);
    assertThatThrownBy(
            () ->
                boots.create(
                    List.of(A, B, C, InstanceId.random()), request, CALLER, TestServers.CREATE))
        .hasMessage("Quota exceeded, too many servers in group");
    assertThat(quotas.claims).isEmpty();
    assertThat(instances.ids()).isEmpty();
  }
}
