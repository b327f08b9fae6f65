package org.kilonova.amqp.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.kilonova.kernel.ActionContext;

class RpcContextTest {
  @Test
  void anInstanceKeepsAllOfItButTheToken() {
    RpcContext sent =
        new RpcContext(
            Map.of(
                "request_id", "req-1",
                "user", "u",
                "tenant", "p",
                "roles", List.of("member"),
                "auth_token", "s3cret",
                "vendor", 7));
    assertThat(sent.action())
        .isEqualTo(
            new ActionContext("req-1", "u", "p", Map.of("roles", List.of("member"), "vendor", 7)));
  }

  @Test
  void whatAnInstanceKeptTravelsOnWithTheNewAndTheOldNames() {
    ActionContext kept =
        new ActionContext("req-1", "u", "p", Map.of("is_admin", true, "vendor", 7));
    assertThat(RpcContext.of(kept).values())
        .isEqualTo(
            Map.of(
                "request_id", "req-1",
                "user_id", "u",
                "user", "u",
                "project_id", "p",
                "tenant", "p",
                "is_admin", true,
                "vendor", 7));
    assertThat(RpcContext.of(kept).action()).isEqualTo(kept);
  }
}
