package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which seeds have to be reached before a cluster is founded; the first letter is the first. */
class MembershipTest {
  @ParameterizedTest
  @CsvSource({
    "y,     true",
    "yn,    true",
    "ny,    false",
    "yy,    true",
    "ynn,   false",
    "nyn,   false",
    "nyy,   true",
    "yynn,  true",
    "nnyy,  false",
    "nyyyn, true",
    "yynnn, false"
  })
  void mostSeeds_orHalfOfThemWithTheFirst(String reached, boolean enough) {
    List<Boolean> answers = Arrays.stream(reached.split("")).map("y"::equals).toList();
    assertThat(Membership.isEnough(answers)).isEqualTo(enough);
  }
}
