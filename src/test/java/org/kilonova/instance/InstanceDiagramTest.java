package org.kilonova.instance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

class InstanceDiagramTest {
  @Test
  void theCommittedDiagramIsTheOneOfTheTable() throws IOException {
    if (Boolean.getBoolean("kilonova.docs.write")) {
      InstanceDiagram.write();
    }
    assertThat(Files.readString(InstanceDiagram.PAGE))
        .as("regenerate with -Dkilonova.docs.write=true")
        .isEqualTo(InstanceDiagram.page());
  }
}
