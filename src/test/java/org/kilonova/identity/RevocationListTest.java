package org.kilonova.identity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.identity.TokenCodecTest.project;
import static org.kilonova.identity.TokenCodecTest.token;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.kilonova.identity.Assignment.Target;

class RevocationListTest {
  private final RevocationList list = new RevocationList();

  static Stream<String> whatTheTokenDependsOn() {
    return Stream.of(
        Subjects.audit("audit-1"),
        Subjects.user("u1"),
        Subjects.project("p1"),
        Subjects.domain("default"),
        Subjects.role("r2"),
        Subjects.grant("u1", Target.project("p1")));
  }

  @ParameterizedTest
  @MethodSource("whatTheTokenDependsOn")
  void aTokenEndsWithAnythingThatItDependsOn(String subject) {
    list.apply(8, subject);
    assertThat(list.revokes(token(project("p1"), 7))).isTrue();
  }

  static Stream<String> whatItDoesNot() {
    return Stream.of(
        Subjects.audit("audit-0"),
        Subjects.user("u2"),
        Subjects.project("p2"),
        Subjects.domain("other"),
        Subjects.role("r3"),
        Subjects.grant("u1", Target.project("p2")),
        Subjects.grant("u2", Target.project("p1")),
        Subjects.grant("u1", Target.domain("p1")));
  }

  @ParameterizedTest
  @MethodSource("whatItDoesNot")
  void aTokenDoesNotEndWithWhatItDoesNotDependOn(String subject) {
    list.apply(8, subject);
    assertThat(list.revokes(token(project("p1"), 7))).isFalse();
  }

  @Test
  void aTokenThatWasIssuedAfterTheRevocationIsGood() {
    list.apply(8, Subjects.user("u1"));
    assertThat(list.revokes(token(project("p1"), 8))).isFalse();
  }

  @Test
  void aRepeatedOrLateEventDoesNotTakeTheListBack() {
    list.apply(9, Subjects.user("u1"));
    list.apply(8, Subjects.user("u1"));
    assertThat(list.revision()).isEqualTo(9);
    assertThat(list.revokes(token(project("p1"), 8))).isTrue();
  }

  @Test
  void eventsAreForgottenWhenNoTokenCanBeOlder() {
    list.apply(8, Subjects.user("u1"));
    list.apply(9, Subjects.project("p1"));
    list.forgetUpTo(8);
    assertThat(list.revokes(token(project("p2"), 7))).isFalse();
    assertThat(list.revokes(token(project("p1"), 7))).isTrue();
  }
}
