package org.kilonova.compute.driver.libvirt;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;

@Timeout(30)
class HostCommandsTest {
  private static final Duration SECOND = Duration.ofSeconds(1);
  private final HostCommands commands = new HostCommands();

  @Test
  void a_command_s_output_is_returned() {
    assertThat(commands.run(SECOND, "echo", "a  b;c")).isEqualTo("a  b;c\n");
  }

  @Test
  void a_failure_names_the_command_and_its_last_words() {
    assertThatThrownBy(() -> commands.run(SECOND, "ls", "/nonexistent"))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RETRY_ELSEWHERE))
        .hasMessageMatching("ls failed with status 2: .*No such file or directory");
  }

  @Test
  void a_missing_tool_is_said_to_be_missing() {
    assertThatThrownBy(() -> commands.run(SECOND, "no-such-tool"))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.RETRY_ELSEWHERE))
        .hasMessageContaining("no-such-tool is not installed on this host");
  }

  @Test
  void a_command_that_does_not_end_is_killed_at_its_deadline() {
    assertThatThrownBy(() -> commands.run(Duration.ofMillis(200), "sleep", "25"))
        .isInstanceOfSatisfying(
            DriverException.class, e -> assertThat(e.kind()).isEqualTo(Kind.TRANSIENT));
  }

  @Test
  void a_flood_of_output_is_cut_and_does_not_block() {
    assertThat(commands.run(Duration.ofSeconds(10), "seq", "1000000")).hasSize(1 << 20);
  }
}
