package org.kilonova.api.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.api.http.ApiFault;

class ByteRangeTest {
  @ParameterizedTest
  @CsvSource({
    "bytes=0-0, 0, 0",
    "bytes=0-, 0, 99",
    "bytes=10-19, 10, 19",
    "bytes=90-500, 90, 99",
    "bytes=-10, 90, 99",
    "bytes=-500, 0, 99"
  })
  void aRangeIsCutToWhatIsThere(String header, long first, long last) {
    assertThat(ByteRange.of(header, 100)).contains(new ByteRange(first, last));
    assertThat(new ByteRange(first, last).length()).isEqualTo(last - first + 1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=-", "items=0-1", "bytes=0-1,5-6", "0-1", ""})
  void aHeaderThatIsNotUnderstoodAsksForEverything(String header) {
    assertThat(ByteRange.of(header, 100)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=100-", "bytes=5-4", "bytes=-0"})
  void whatIsNotThereIs416(String header) {
    assertThatThrownBy(() -> ByteRange.of(header, 100))
        .isInstanceOfSatisfying(ApiFault.class, f -> assertThat(f.status()).isEqualTo(416));
  }

  @Test
  void nothingIsThereOfAnEmptyImage() {
    assertThatThrownBy(() -> ByteRange.of("bytes=0-0", 0)).isInstanceOf(ApiFault.class);
  }
}
