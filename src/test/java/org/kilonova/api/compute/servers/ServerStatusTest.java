package org.kilonova.api.compute.servers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.readmodel.InstanceQuery.StatePattern;

class ServerStatusTest {
  @ParameterizedTest
  @CsvSource({
    "active, , ACTIVE",
    "active, powering-off, ACTIVE",
    "active, rebooting, REBOOT",
    "active, rebooting_hard, HARD_REBOOT",
    "active, deleting, ACTIVE",
    "building, spawning, BUILD",
    "stopped, , SHUTOFF",
    "stopped, powering-on, SHUTOFF",
    "stopped, rebooting_hard, SHUTOFF",
    "error, , ERROR",
    "error, deleting, ERROR",
    "resized, resize_reverting, REVERT_RESIZE",
    "nonsense, , UNKNOWN",
  })
  void followsFromVmStateAndTaskState(String vmState, String taskState, String status) {
    assertThat(ServerStatus.of(vmState, taskState)).isEqualTo(status);
  }

  @Test
  void aFilterMeansExactlyTheStatesThatShowAsTheStatus() {
    assertThat(ServerStatus.statesOf(List.of("reboot")))
        .containsExactly(
            new StatePattern(
                "active", Set.of("rebooting", "reboot_pending", "reboot_started"), false));
    assertThat(ServerStatus.statesOf(List.of("BUILD")))
        .containsExactly(new StatePattern("building", Set.of(), true));
    StatePattern active = ServerStatus.statesOf(List.of("Active")).getFirst();
    assertThat(active.allBut()).isTrue();
    assertThat(active.taskStates()).contains("rebooting", "rebooting_hard", "migrating");
    assertThat(ServerStatus.statesOf(List.of("ACTIVE", "REBOOT")).getFirst().taskStates())
        .doesNotContain("rebooting")
        .contains("rebooting_hard");
    assertThat(ServerStatus.statesOf(List.of("SHUTOFF", "ERROR"))).hasSize(2);
    assertThat(ServerStatus.statesOf(List.of("PAUSED"))).hasSize(1);
    assertThat(ServerStatus.statesOf(List.of("HUNGRY"))).isEmpty();
  }
}
