package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CredentialsTest {
  @TempDir private Path dir;

  private Credentials read(String text) throws Exception {
    return Credentials.openrc(Files.writeString(dir.resolve("openrc"), text));
  }

  @Test
  void anOpenrcIsReadWithoutAShell() throws Exception {
    assertThat(
            read(
                """
                # made by hand
                export OS_AUTH_URL=http://127.0.0.1:5000/v3
                export OS_USERNAME="admin"
                OS_PASSWORD='a=b #c'
                export OS_PROJECT_NAME=demo
                export OS_PROJECT_DOMAIN_NAME=$(never)
                """))
        .isEqualTo(
            new Credentials(
                "http://127.0.0.1:5000/v3", "admin", "Default", "a=b #c", "demo", "$(never)"));
  }

  @Test
  void whatIsMissingIsNamed() {
    assertThatThrownBy(() -> read("export OS_AUTH_URL=http://127.0.0.1\n"))
        .isInstanceOf(BenchException.class)
        .hasMessageContaining("OS_USERNAME");
  }

  @Test
  void thePasswordIsInNoText() {
    assertThat(new Credentials("url", "user", "Default", "secret", "project", "Default").toString())
        .doesNotContain("secret");
  }
}
