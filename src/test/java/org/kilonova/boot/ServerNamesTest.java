package org.kilonova.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ServerNamesTest {
  @Test
  void oneServerKeepsItsNameSeveralAreNumbered() {
    assertThat(ServerNames.displayName("x", 0, 1)).isEqualTo("x");
    assertThat(ServerNames.displayName("x", 0, 3)).isEqualTo("x-1");
    assertThat(ServerNames.displayName("x", 2, 3)).isEqualTo("x-3");
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      value = {
        "Web Server_1.example, web-server-1-example",
        "-a-, a",
        "Grüße!, gre",
        "日本, server-id",
      })
  void theHostNameIsMadeFitForDns(String name, String hostname) {
    assertThat(ServerNames.hostname(name, "server-id", 0, 1)).isEqualTo(hostname);
  }

  @Test
  void aLongHostNameIsCutAndKeepsItsNumber() {
    assertThat(ServerNames.hostname("a".repeat(80), "f", 0, 1)).hasSize(63);
    assertThat(ServerNames.hostname("a".repeat(80), "f", 9, 10)).hasSize(63).endsWith("-10");
  }

  @RepeatedTest(20)
  void aPasswordHasSymbolsOfEachKind() {
    assertThat(ServerNames.password(new SecureRandom(), 12))
        .hasSize(12)
        .matches(".*[2-9].*")
        .matches(".*[A-Z].*")
        .matches(".*[a-z].*")
        .doesNotContain("0", "1", "O", "I", "l");
  }

  @Test
  void aReservationIdLooksLikeNovas() {
    assertThat(ServerNames.reservationId(new SecureRandom())).matches("r-[a-z0-9]{8}");
  }
}
