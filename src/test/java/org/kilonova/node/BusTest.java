package org.kilonova.node;

import static org.assertj.core.api.Assertions.assertThat;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.kilonova.amqp.service.Manager;

class BusTest {
  private static final AtomicInteger MADE = new AtomicInteger();

  /** A third party's; each one may hold something that is there once. */
  public static final class Counted implements Manager {
    public Counted() {
      MADE.incrementAndGet();
    }

    @Override
    public String topic() {
      return "counted";
    }
  }

  @Test
  void theManagersThatWereCheckedAreThoseThatStart() {
    Bus bus =
        Bus.checked(
                new NodeSettings(
                    config(
                        """
                        kilonova.amqp.transport_url = "rabbit://user:password@127.0.0.1:5672/"
                        kilonova.amqp.managers = ["%s"]
                        """
                            .formatted(Counted.class.getName()))))
            .orElseThrow();

    assertThat(bus.managers(List.of()).listening()).hasSize(1);
    assertThat(MADE).hasValue(1);
  }

  @Test
  void aBusThatIsOffMakesNoManagers() {
    assertThat(
            Bus.checked(
                new NodeSettings(
                    config("kilonova.amqp { mode = off, managers = [\"no.such.Class\"] }"))))
        .isEmpty();
  }

  private static Config config(String text) {
    return ConfigFactory.load(
        ConfigFactory.parseString(text)
            .withFallback(ConfigFactory.parseResources("application.conf")));
  }
}
