package org.kilonova.identity;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PasswordsTest {
  private final Passwords passwords = new Passwords(4, 1);

  @AfterEach
  void close() {
    passwords.close();
  }

  @Test
  void onlyThePasswordItselfMatchesItsHash() {
    String hash = passwords.hash("sesam öffne dich");
    assertThat(hash).startsWith("$2b$04$").doesNotContain("sesam");
    assertThat(passwords.matches("sesam öffne dich", hash)).isTrue();
    assertThat(passwords.matches("sesam öffne dic", hash)).isFalse();
    assertThat(passwords.matches("", hash)).isFalse();
  }

  @Test
  void allOfALongPasswordCounts() {
    String hash = passwords.hash("x".repeat(100) + "a");
    assertThat(passwords.matches("x".repeat(100) + "a", hash)).isTrue();
    assertThat(passwords.matches("x".repeat(100) + "b", hash)).isFalse();
  }

  @Test
  void nothingMatchesAUserWithoutAPassword() {
    assertThat(passwords.matches("", null)).isFalse();
  }
}
