package org.kilonova.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.type.TypeReference;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class JsonColumnTest {
  record Thing(String name, List<Integer> numbers) {}

  @Test
  void whatIsWrittenIsRead() throws SQLException {
    Thing thing = new Thing("grüße", List.of(1, 2));
    assertThat(JsonColumn.read(JsonColumn.write(thing), Thing.class)).isEqualTo(thing);
    Map<String, String> map = Map.of("a", "b");
    assertThat(JsonColumn.read(JsonColumn.write(map), new TypeReference<Map<String, String>>() {}))
        .isEqualTo(map);
    assertThat(JsonColumn.read(null, Thing.class)).isNull();
  }

  @Test
  void whatALaterVersionAddsIsSkipped() throws SQLException {
    assertThat(JsonColumn.read("{\"name\": \"n\", \"colour\": \"red\"}", Thing.class))
        .isEqualTo(new Thing("n", null));
  }

  @Test
  void whatIsSomethingElseIsAnErrorOfTheDatabase() {
    assertThatThrownBy(() -> JsonColumn.read("[1]", Thing.class)).isInstanceOf(SQLException.class);
  }
}
