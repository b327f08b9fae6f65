package org.kilonova.scheduler.filter;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExtraSpecsTest {
  @ParameterizedTest(name = "[{0}] meets [{1}]: {2}")
  @CsvSource(
      delimiter = '|',
      value = {
        // no operator: equal, all of it
        "x86 | x86 | true",
        "x86 | x86_64 | false",
        "a b | a b | true",
        // numbers; a lone = means at least
        "123 | = 123 | true",
        "124 | = 123 | true",
        "122 | = 123 | false",
        "3 | == 3.0 | true",
        "3 | == 4 | false",
        "3 | != 4 | true",
        "3 | != 3 | false",
        "10 | >= 9 | true",
        "9 | >= 10 | false",
        "9 | <= 10 | true",
        "11 | <= 10 | false",
        "many | >= 1 | false",
        "1 | >= many | false",
        // strings
        "123 | s== 123 | true",
        "1234 | s== 123 | false",
        "1234 | s!= 123 | true",
        "123 | s!= 123 | false",
        "1000 | s>= 234 | false",
        "234 | s>= 1000 | true",
        "1000 | s<= 1000 | true",
        "2 | s<= 12 | false",
        "12 | s< 2 | true",
        "2 | s< 12 | false",
        "2 | s> 12 | true",
        "12 | s> 2 | false",
        // parts
        "12311321 | <in> 11 | true",
        "12310321 | <in> 11 | false",
        "aes mmx aux | <all-in> aes mmx | true",
        "aes mmx aux | <all-in> aes txt | false",
        // alternatives
        "12 | <or> 11 <or> 12 | true",
        "13 | <or> 11 <or> 12 | false",
        "12 | <or> 12 <or> | true",
        // an operator without an operand
        "123 | = | false",
        "123 | s== | false",
        "123 | <in> | false",
        "123 | <all-in> | false",
        "123 | <or> | false"
      })
  void operatorsAreNovas(String value, String requirement, boolean met) {
    assertThat(ExtraSpecs.matches(value, requirement)).isEqualTo(met);
  }

  @ParameterizedTest(name = "7.2.11 meets [{0}]: {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        ">=6.0 | true",
        ">= 7.2.11 | true",
        ">7.2.11 | false",
        ">=6.0, <7 | false",
        ">=6.0, <8 | true",
        "==7.2.11 | true",
        "!=7.2.11 | false",
        "<=7.2 | false",
        "newest | false",
        ">=6.0, newest | false"
      })
  void versionsHaveToMeetAllParts(String requirement, boolean met) {
    assertThat(VersionPredicate.matches(7_002_011, requirement)).isEqualTo(met);
  }
}
