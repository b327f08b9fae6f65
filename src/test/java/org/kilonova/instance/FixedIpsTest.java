package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.kilonova.instance.FixedIps.Request;
import org.kilonova.instance.InstanceEvent.AddressesChanged;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.testing.FakeInstances;
import org.kilonova.testing.FakeNetworks;
import org.kilonova.testing.TestServers;

/** What happens between the network service's change and the instance's knowledge of it. */
class FixedIpsTest {
  private static final InstanceId ID = InstanceId.random();
  private static final ActionContext CONTEXT =
      new ActionContext("req-add", "user1", TestServers.PROJECT);
  private static final Nic NIC = TestServers.nic("10.0.0.4");

  private final FakeInstances instances = new FakeInstances(() -> TestServers.T0, row -> {});
  private final FakeNetworks networks = new FakeNetworks();
  private final FixedIps fixedIps = new FixedIps(networks, instances);

  @BeforeEach
  void anActiveServer() {
    instances.happen(
        ID,
        TestServers.requested(TestServers.spec(ID, "server")),
        TestServers.selected(),
        TestServers.allocated("10.0.0.4"),
        TestServers.mapped(),
        TestServers.confirmed(),
        TestServers.activated());
    networks.has(ID, NIC);
  }

  private void add() {
    fixedIps.add(state(), NIC.networkId(), new Request("message", CONTEXT, false));
  }

  private Present state() {
    return (Present) instances.state(ID);
  }

  private List<AddressesChanged> recorded() {
    return instances.history(ID).stream()
        .map(Instances.Recorded::event)
        .filter(AddressesChanged.class::isInstance)
        .map(AddressesChanged.class::cast)
        .toList();
  }

  @Test
  void whatWasToldIsNotToldAgain() {
    add();
    assertThat(recorded()).hasSize(1);
    assertThat(networks.untold(Duration.ZERO)).isEmpty();
    fixedIps.tellUntold();
    assertThat(recorded()).hasSize(1);
  }

  @Test
  void whoeverDiesBetweenTheTwoLeavesWhatAnotherTells() {
    networks.afterChange =
        () -> {
          throw new IllegalStateException("killed");
        };
    assertThatThrownBy(this::add).hasMessage("killed");
    assertThat(recorded()).isEmpty();

    fixedIps.tellUntold();
    assertThat(recorded()).hasSize(1);
    AddressesChanged told = recorded().getFirst();
    assertThat(told.nics()).isEqualTo(networks.nics(ID));
    assertThat(told.added()).isTrue();
    assertThat(told.context()).as("who asked, not who told").isEqualTo(CONTEXT);
    assertThat(networks.untold(Duration.ZERO)).isEmpty();
  }

  @Test
  void anInstanceThatDoesNotAnswerIsToldLaterAndKeepsNobodyElseWaiting() {
    instances.away.add(ID);
    assertThatThrownBy(this::add).isInstanceOf(Instances.UnavailableException.class);
    fixedIps.tellUntold();
    assertThat(recorded()).isEmpty();

    instances.away.clear();
    fixedIps.tellUntold();
    assertThat(recorded()).hasSize(1);
  }

  @Test
  void whatIsBeingDeletedRefusesAndIsLeftInPeaceWhenItIsGone() {
    networks.afterChange =
        () -> instances.happen(ID, new DeleteRequested(CONTEXT, List.of(), TestServers.at(9)));
    add();
    fixedIps.tellUntold();
    assertThat(recorded()).isEmpty();
    assertThat(networks.untold(Duration.ZERO)).as("its ports are there yet").hasSize(1);

    instances.happen(ID, new InstanceDeleted(TestServers.at(10)));
    fixedIps.tellUntold();
    assertThat(networks.untold(Duration.ZERO)).isEmpty();
  }
}
