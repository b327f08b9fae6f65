package org.kilonova.persistence;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.net.ConnectException;
import java.net.UnknownHostException;
import java.sql.SQLException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.kernel.ConfigurationException;

class DatabaseProblemTest {
  @ParameterizedTest
  @CsvSource({
    "28P01, kilonova.database.password",
    "08004, kilonova.database.password",
    "28000, kilonova.database.user",
    "42501, kilonova.database.user",
    "3D000, kilonova.database.url",
    "08001, kilonova.database.url",
    "57P03, kilonova.database.url",
    "XX000, kilonova.database.url",
  })
  void eachSqlStateNamesTheKeyToChange(String state, String key) {
    ConfigurationException readable =
        DatabaseProblem.readable(
            new SQLException("first line\n  Detail: second line", state),
            "db:5432/cloud",
            "nova",
            Duration.ofSeconds(31));

    assertThat(readable.key()).isEqualTo(key);
    assertThat(readable.getMessage().lines()).hasSize(1);
    assertThat(readable).hasMessageStartingWith(key + ": ").hasMessageContaining("db:5432/cloud");
  }

  @ParameterizedTest
  @CsvSource({
    "08001, true",
    "08006, true",
    "57P03, true",
    "57P01, true",
    "53300, true",
    "28P01, false",
    "08004, false",
    "3D000, false",
    "42501, false",
  })
  void onlyWhatCanPassIsWaitedFor(String state, boolean passing) {
    SQLException problem = new SQLException("x", state);
    assertThat(DatabaseProblem.isPassing(problem)).isEqualTo(passing);
    assertThat(
            DatabaseProblem.readable(problem, "db:5432/cloud", "nova", Duration.ZERO).isPassing())
        .as("the process ends with 75, so that it is started again")
        .isEqualTo(passing);
  }

  @Test
  void whoDoesNotAnswerIsNamedWithTheReasonAndTheTimeThatWasWaited() {
    assertThat(
            DatabaseProblem.readable(
                new SQLException("Check that", "08001", new ConnectException("Connection refused")),
                "db:5432/cloud",
                "nova",
                Duration.ofSeconds(31)))
        .hasMessage(
            "kilonova.database.url: no PostgreSQL answers at db:5432/cloud (tried for 31 s):"
                + " Connection refused");
    assertThat(
            DatabaseProblem.readable(
                new SQLException("The connection", "08001", new UnknownHostException("db")),
                "db:5432/cloud",
                "nova",
                Duration.ZERO))
        .hasMessageEndingWith("at db:5432/cloud: unknown host db");
  }

  @Test
  void anOldServerIsRefusedByItsVersion() {
    assertThatThrownBy(() -> DatabaseProblem.requireVersion(13, "13.9", "db:5432/cloud"))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageContaining("too old (13.9): 14 or later");
    assertThatCode(() -> DatabaseProblem.requireVersion(14, "14.0", "db:5432/cloud"))
        .doesNotThrowAnyException();
  }

  @Test
  void aPasswordInTheUrlIsNeverShown() {
    assertThat(new Database.Settings("jdbc:postgresql://db/cloud?password=secret", "nova", "pw", 3))
        .hasToString("Settings[db/cloud as nova]");
  }
}
