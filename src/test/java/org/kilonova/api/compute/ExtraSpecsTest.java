package org.kilonova.api.compute;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.api.http.ApiFault;

class ExtraSpecsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "hw:cpu_policy                       | dedicated",
        "hw:numa_cpus.0                      | 0-3,^2",
        "hw:mem_page_size                    | 2MB",
        "hw:mem_encryption                   | True",
        "quota:cpu_quota                     | -1",
        "resources1:VCPU                     | 0",
        "trait:HW_CPU_X86_AVX2               | required",
        "capabilities:cpu_info:arch          | x86_64",
        "aggregate_instance_extra_specs:anything | at all",
        "key1                                | value1",
        "my_own:key                          | value",
      })
  void whatNovaKnowsOrHasNoNamespaceForPasses(String key, String value) {
    assertThatCode(() -> ExtraSpecs.check(key, value)).doesNotThrowAnyException();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "hw:cpu_policy  | sharrred | 'sharrred' is not one of: dedicated, shared, mixed.",
        "hw:numa_nodes  | foo      | 'foo' is not a valid integer value.",
        "hw:numa_nodes  | 0        | '0' is less than the min value of '1'.",
        "os:monitors    | 9        | '9' is greater than the max value of '8'.",
        "hw:boot_menu   | maybe    | 'maybe' is not a valid boolean-like value.",
        "hw:cpu_policyx | shared   | extra spec 'hw:cpu_policyx' does not appear to be a valid extra spec.",
        "trait:HW_X     | wanted   | 'wanted' is not one of: required, forbidden.",
      })
  void whatIsWrongInAKnownNamespaceIsRefused(String key, String value, String why) {
    assertThatThrownBy(() -> ExtraSpecs.check(key, value))
        .isInstanceOf(ApiFault.class)
        .hasMessage("Validation failed; " + why);
  }
}
