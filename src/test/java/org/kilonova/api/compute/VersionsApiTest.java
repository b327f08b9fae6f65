package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.LocalClient;
import org.kilonova.api.http.LocalClient.Answer;

class VersionsApiTest {
  private final LocalClient client = LocalClient.of(ComputeService.build(List.of()));

  @ParameterizedTest
  @ValueSource(strings = {"/compute", "/compute/"})
  void theRootListsTheOldVersionFirst(String path) {
    Answer answer = client.get(path).expect(200);

    assertThat(answer.at("/versions")).hasSize(2);
    assertThat(answer.at("/versions/0/id").asText()).isEqualTo("v2.0");
    assertThat(answer.at("/versions/0/version").asText("?")).isEmpty();
    assertThat(answer.at("/versions/0/min_version").asText("?")).isEmpty();
    assertThat(answer.at("/versions/0/links/0/href").asText())
        .isEqualTo("http://cloud/compute/v2/");
    assertThat(answer.at("/versions/1/id").asText()).isEqualTo("v2.1");
    assertThat(answer.at("/versions/1/status").asText()).isEqualTo("CURRENT");
    assertThat(answer.at("/versions/1/version").asText()).isEqualTo("2.93");
    assertThat(answer.at("/versions/1/min_version").asText()).isEqualTo("2.1");
    assertThat(answer.at("/versions/0").has("media-types")).isFalse();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/compute/v2.1", "/compute/v2.1/"})
  void aVersionDescribesItselfWithAndWithoutSlash(String path) {
    Answer answer = client.get(path).expect(200);

    assertThat(answer.at("/version/id").asText()).isEqualTo("v2.1");
    assertThat(answer.at("/version/links/0/href").asText()).isEqualTo("http://cloud/compute/v2.1/");
    assertThat(answer.at("/version/links/1/rel").asText()).isEqualTo("describedby");
    assertThat(answer.at("/version/media-types/0/type").asText())
        .isEqualTo("application/vnd.openstack.compute+json;version=2.1");
  }

  @Test
  void theOldVersionHasItsOwnDocument() {
    Answer answer = client.get("/compute/v2/").expect(200);
    assertThat(answer.at("/version/id").asText()).isEqualTo("v2.0");
    assertThat(answer.at("/version/version").asText("?")).isEmpty();
  }

  @Test
  void belowAnUnknownVersionThereAreChoices() {
    Answer answer = client.get("/compute/v9/servers/x").expect(300);
    assertThat(answer.at("/choices/1/links/0/href").asText())
        .isEqualTo("http://cloud/compute/v2.1/servers/x");
  }

  @Test
  void anUnknownResourceIsNotTheVersionDocument() {
    client.get("/compute/v2.1/nonsense").expect(401);
    client.as("u", "p", "reader").get("/compute/v2.1/nonsense").expect(404);
  }

  @Test
  void removedApisAreGone() {
    LocalClient user = client.as("u", "p", "reader");
    user.get("/compute/v2.1/os-fping").expect(410);
    user.at("2.93").get("/compute/v2.1/p/os-cells").expect(410);
    user.get("/compute/v2/os-agents").expect(410);
  }
}
