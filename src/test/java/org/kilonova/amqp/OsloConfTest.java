package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OsloConfTest {
  @TempDir Path dir;

  @Test
  void whatIsWrittenIsReadBackAndForItsOwnerAlone() throws Exception {
    Path file = dir.resolve("new/oslo.conf");

    OsloConf.write(file, "rabbit://u:a$b%24@h:1/", "nova", "PLAIN");

    assertThat(OsloConf.transportUrl(file)).contains("rabbit://u:a$b%24@h:1/");
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
        .isEqualTo("rw-------");
  }

  @Test
  void onlyTheDefaultSectionCounts() throws Exception {
    Path file = Files.writeString(dir.resolve("a.conf"), "[x]\ntransport_url = rabbit://no/\n");

    assertThat(OsloConf.transportUrl(file)).isEmpty();
  }
}
