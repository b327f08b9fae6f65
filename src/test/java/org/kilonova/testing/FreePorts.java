package org.kilonova.testing;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.concurrent.ThreadLocalRandom;

/** Ports to listen on. */
public final class FreePorts {
  /** Below what Linux takes for outgoing connections (ip_local_port_range). */
  private static final int FIRST = 10_000;

  private static final int LAST = 30_000;

  private FreePorts() {}

  /**
   * A port that nobody listens on just now. Never one that the kernel may give to an outgoing
   * connection while a process that is to listen there again is dead.
   */
  public static int next() {
    while (true) {
      int port = ThreadLocalRandom.current().nextInt(FIRST, LAST);
      try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
        return socket.getLocalPort();
      } catch (IOException e) {
        // taken
      }
    }
  }
}
