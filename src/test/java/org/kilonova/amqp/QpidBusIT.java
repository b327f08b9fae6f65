package org.kilonova.amqp;

import org.junit.jupiter.api.BeforeAll;
import org.kilonova.testing.TestBroker.Kind;

class QpidBusIT extends BusContract {
  @BeforeAll
  static void start() {
    startBroker(Kind.QPID);
  }
}
