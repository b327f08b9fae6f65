package org.kilonova.api.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Json;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Image.Visibility;

class ImagePatchTest {
  private static final Attributes BEFORE =
      new Attributes(
          "before",
          "p1",
          Visibility.SHARED,
          false,
          false,
          0,
          0,
          "raw",
          "bare",
          List.of("a"),
          Map.of("os_type", "linux"));

  private static Attributes patch(String body) throws Exception {
    return ImagePatch.read(Json.parse(body.getBytes(StandardCharsets.UTF_8)), false).apply(BEFORE);
  }

  @Test
  void keysAreAddedReplacedAndRemoved() throws Exception {
    Attributes after =
        patch(
            """
            [{"op": "replace", "path": "/name", "value": "after"},
             {"op": "add", "path": "/hw_disk_bus", "value": "scsi"},
             {"op": "add", "path": "/a~1b", "value": "slash"},
             {"op": "remove", "path": "/os_type"},
             {"op": "add", "path": "/tags/-", "value": "b"},
             {"op": "replace", "path": "/min_ram", "value": 64}]
            """);
    assertThat(after.name()).isEqualTo("after");
    assertThat(after.minRam()).isEqualTo(64);
    assertThat(after.properties()).isEqualTo(Map.of("hw_disk_bus", "scsi", "a/b", "slash"));
    assertThat(after.tags()).containsExactly("a", "b");
    assertThat(after.diskFormat()).isEqualTo("raw");
  }

  @Test
  void laterOperationsSeeWhatEarlierOnesDid() throws Exception {
    assertThat(
            patch(
                    """
                    [{"op": "add", "path": "/x", "value": "1"},
                     {"op": "replace", "path": "/x", "value": "2"}]
                    """)
                .properties())
        .containsEntry("x", "2");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          [{"op": "replace", "path": "/nothing", "value": "x"}] | 409
          [{"op": "remove", "path": "/nothing"}]                | 409
          [{"op": "replace", "path": "/id", "value": "x"}]      | 403
          [{"op": "replace", "path": "/status", "value": "x"}]  | 403
          [{"op": "add", "path": "/locations", "value": "x"}]   | 403
          [{"op": "remove", "path": "/name"}]                   | 403
          [{"op": "replace", "path": "/name"}]                  | 400
          [{"op": "test", "path": "/name", "value": "x"}]       | 400
          [{"op": "add", "path": "name", "value": "x"}]         | 400
          [{"op": "add", "path": "/a/b", "value": "x"}]         | 400
          [{"op": "add", "path": "/a~2", "value": "x"}]         | 400
          [{"op": "add", "path": "/a", "value": 1}]             | 400
          [{"op": "replace", "path": "/min_disk", "value": -1}] | 400
          [{"op": "replace", "path": "/visibility", "value": "everybody"}] | 400
          [{"op": "replace", "path": "/disk_format", "value": "floppy"}] | 400
          [{"op": "replace", "path": "/container_format", "value": "ami"}] | 400
          ["x"]                                                 | 400
          {}                                                    | 400
          """)
  void whatCannotBeDoneIsRefused(String body, int status) {
    assertThatThrownBy(() -> patch(body))
        .isInstanceOfSatisfying(
            ApiFault.class, fault -> assertThat(fault.status()).isEqualTo(status));
  }
}
