package org.kilonova.identity;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OpenrcTest {
  @Test
  void aShellReadsBackWhatWasWrittenAndNobodyElseMayRead(@TempDir Path dir) throws Exception {
    Path file = dir.resolve("state/openrc");
    String password = "it's $HOME `id` \\ \"x\"";
    Openrc.write(file, URI.create("http://127.0.0.1:8774"), "RegionOne", password);

    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
    assertThat(file.getParent()).isDirectoryContaining(f -> f.equals(file));
    try (var files = Files.list(file.getParent())) {
      assertThat(files).containsExactly(file);
    }
    Process shell =
        new ProcessBuilder(
                "sh",
                "-c",
                ". \"$1\"; printf '%s|%s' \"$OS_PASSWORD\" \"$OS_AUTH_URL\"",
                "sh",
                file.toString())
            .start();
    String said = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(shell.waitFor()).isZero();
    assertThat(said).isEqualTo(password + "|http://127.0.0.1:8774/identity/v3");
  }
}
