package org.kilonova.amqp.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.kilonova.amqp.manager.TimeManager;
import org.kilonova.amqp.service.ManagerRegistry.Listening;
import org.kilonova.kernel.ConfigurationException;

class ManagerRegistryTest {
  private static List<Manager> configured(String managers) {
    return ManagerRegistry.configured(ConfigFactory.parseString("managers = " + managers));
  }

  /** The smallest one. */
  public static class Echo implements Manager {
    @Override
    public String topic() {
      return "echo";
    }

    /** What it got. */
    @Rpc("echo")
    public Object echo(RpcCall call) {
      return call.args().get("value");
    }
  }

  /** One that wants to be configured. */
  public static final class Named extends Echo {
    private final String topic;

    public Named(Config section) {
      topic = section.getString("topic");
    }

    @Override
    public String topic() {
      return topic;
    }
  }

  static final class Old extends Echo {
    @Override
    public String version() {
      return "2.0";
    }
  }

  static final class Hidden extends Echo {
    @Rpc("hidden")
    Object hidden(RpcCall call) {
      return call;
    }
  }

  static final class WrongParameter extends Echo {
    @Rpc("wrong")
    public Object wrong(String call) {
      return call;
    }
  }

  static final class Twice extends Echo {
    @Rpc("echo")
    public Object again(RpcCall call) {
      return call;
    }
  }

  static final class NoVersion extends Echo {
    @Override
    public String version() {
      return "latest";
    }
  }

  @Test
  void managersComeByClassNameOrWithTheirSection() {
    List<Manager> managers =
        configured(
            "[\"%s\", { class = \"%s\", topic = named }]"
                .formatted(Echo.class.getName(), Named.class.getName()));
    assertThat(new ManagerRegistry(managers).listening())
        .containsExactlyInAnyOrder(new Listening(null, "echo"), new Listening(null, "named"));
  }

  @Test
  void theTimeServerListensWhereItAlwaysDid() {
    List<Manager> managers = configured("[\"" + TimeManager.class.getName() + "\"]");
    assertThat(new ManagerRegistry(managers).listening())
        .containsExactly(new Listening("sdn", "sample3"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[no.such.Class] | no class that can be loaded",
        "[java.lang.String] | no Manager",
        "[{ topic = a }] | is no list of class names",
        "7 | is no list of class names",
        "[{ class = org.kilonova.amqp.service.ManagerRegistryTest$Named }] | cannot be made",
        "[{ class = org.kilonova.amqp.manager.TimeManager, driver = no.such.Driver }]"
            + " | no class that can be loaded",
        "[{ class = org.kilonova.amqp.manager.TimeManager, driver = java.lang.String }]"
            + " | no TimeDriver"
      })
  void whatCannotBeMadeStopsTheStartInOneLine(String managers, String problem) {
    String quoted = managers.replaceAll("([a-z]+\\.[A-Za-z.$]+)", "\"$1\"");
    assertThatThrownBy(() -> configured(quoted))
        .isInstanceOf(ConfigurationException.class)
        .hasMessageStartingWith("kilonova.amqp.managers: ")
        .hasMessageContaining(problem);
  }

  @Test
  void methodsThatCannotBeCalledAreRefused() {
    for (Manager manager :
        List.of(new Hidden(), new WrongParameter(), new Twice(), new NoVersion())) {
      assertThatThrownBy(() -> new ManagerRegistry(List.of(manager)))
          .as(manager.getClass().getSimpleName())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(manager.getClass().getSimpleName());
    }
  }

  @Test
  void twoThatAnswerTheSameAreRefused() {
    assertThatThrownBy(() -> new ManagerRegistry(List.of(new Echo(), new Echo())))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("both answer echo, topic echo");
  }

  @Test
  void theSameInAnotherMajorVersionIsAnotherMethod() {
    assertThat(new ManagerRegistry(List.of(new Echo(), new Old())).listening())
        .containsExactly(new Listening(null, "echo"));
  }
}
