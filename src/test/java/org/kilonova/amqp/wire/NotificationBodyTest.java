package org.kilonova.amqp.wire;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class NotificationBodyTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, Object> MESSAGE =
      Map.of("a \"quoted\" \\ key", List.of("grüße \uD83D\uDE00\n\t\u0001\u2028", 1, 2.5, true));

  @Test
  void aBareOneIsTheMessage() throws IOException {
    JsonNode read = JSON.readTree(WireCodec.write(MESSAGE, false));
    assertThat(read).isEqualTo(JSON.<JsonNode>valueToTree(MESSAGE));
  }

  @Test
  void anEnvelopeHoldsTheMessageAsTextWhateverIsInIt() throws IOException {
    byte[] body = WireCodec.write(MESSAGE, true);
    JsonNode envelope = JSON.readTree(body);
    assertThat(envelope).hasSize(2);
    assertThat(envelope.get("oslo.version").textValue()).isEqualTo("2.0");
    assertThat(JSON.readTree(envelope.get("oslo.message").textValue()))
        .isEqualTo(JSON.<JsonNode>valueToTree(MESSAGE));
    assertThat(body).as("ASCII, as Python's json writes").doesNotContain((byte) 0xc3);
  }
}
