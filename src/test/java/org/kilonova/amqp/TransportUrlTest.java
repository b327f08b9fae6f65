package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.amqp.TransportUrl.Host;

class TransportUrlTest {
  private static TransportUrl parse(String url) {
    return TransportUrl.parse(url, 5672);
  }

  @Test
  void everyHostHasItsOwnPortAndCredentials() {
    TransportUrl url = parse("rabbit://u:p@one:1,v:q@two,three:3/host?ssl=0");
    assertThat(url.hosts())
        .containsExactly(
            new Host("one", 1, "u", "p"),
            new Host("two", 5672, "v", "q"),
            new Host("three", 3, "", ""));
    assertThat(url.virtualHost()).isEqualTo("host");
  }

  @Test
  void everyPartIsPercentDecodedAndAPlusStaysOne() {
    TransportUrl url = parse("rabbit://us%40er:p%2Fa%3As+s@one/a%2Fb");
    assertThat(url.hosts()).containsExactly(new Host("one", 5672, "us@er", "p/a:s+s"));
    assertThat(url.virtualHost()).isEqualTo("a/b");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rabbit://one", "rabbit://one/", "rabbit://one//", "rabbit://one/?x=1"})
  void withoutANameItIsTheVirtualHostSlash(String url) {
    assertThat(parse(url).virtualHost()).isEqualTo("/");
  }

  @Test
  void anAddressOfVersion6IsInBrackets() {
    assertThat(parse("rabbit://u:p@[::1]:99/").hosts())
        .containsExactly(new Host("::1", 99, "u", "p"));
    assertThat(parse("rabbit://[fe80::2]").hosts())
        .containsExactly(new Host("fe80::2", 5672, "", ""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "one",
        "qpid://one",
        "rabbit://",
        "rabbit://one:0",
        "rabbit://one:x",
        "rabbit://[::1"
      })
  void whatIsNoUrlIsRefused(String url) {
    assertThatThrownBy(() -> parse(url)).isInstanceOf(IllegalArgumentException.class);
  }
}
