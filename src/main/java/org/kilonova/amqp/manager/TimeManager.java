package org.kilonova.amqp.manager;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.kilonova.amqp.service.Drivers;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;

/**
 * The classic time server, as an example of a manager with a driver: not answered unless {@code
 * kilonova.amqp.managers} names it.
 */
public final class TimeManager implements Manager {
  private static final Config DEFAULTS =
      ConfigFactory.parseMap(
          Map.of("exchange", "sdn", "topic", "sample3", "driver", SystemTime.class.getName()));

  private final Config section;
  private final TimeDriver driver;

  /**
   * With what its entry in the configuration says: {@code exchange}, {@code topic}, {@code driver}.
   */
  public TimeManager(Config section) {
    this.section = section.withFallback(DEFAULTS);
    this.driver = Drivers.driver(this.section, "driver", TimeDriver.class);
  }

  @Override
  public String exchange() {
    return section.getString("exchange");
  }

  @Override
  public String topic() {
    return section.getString("topic");
  }

  /** Who answers, and what time it is there: ISO 8601 in UTC. */
  @Rpc("func_call")
  public Map<String, Object> time(RpcCall call) throws UnknownHostException {
    Map<String, Object> answer = new LinkedHashMap<>();
    answer.put("host", InetAddress.getLocalHost().getHostName());
    answer.put("time", driver.time().toString());
    return answer;
  }
}
