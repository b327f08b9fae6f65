package org.kilonova.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ActionContextTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "auth_token",
        "service_catalog",
        "AUTH_TOKEN",
        "x_subject_token",
        "admin_password",
        "client_secret",
        "application_credential"
      })
  void whatCouldActAsItsOwnerIsNeverKept(String key) {
    ActionContext context = new ActionContext("req-1", "u", "p", Map.of(key, "s3cret"));
    assertThat(context.more()).isEmpty();
    assertThat(context.toString()).doesNotContain("s3cret");
  }

  @Test
  void keysThatNobodyKnowsAreKeptAndWhatIsNullIsNot() {
    Map<String, Object> sent = new HashMap<>();
    sent.put("roles", List.of("member"));
    sent.put("vendor", Map.of("deep", 1));
    sent.put("user_name", null);
    assertThat(new ActionContext("req-1", "u", "p", sent).more())
        .isEqualTo(Map.of("roles", List.of("member"), "vendor", Map.of("deep", 1)));
  }
}
