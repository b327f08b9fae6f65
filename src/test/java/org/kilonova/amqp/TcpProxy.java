package org.kilonova.amqp;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Stands between a client and a port of this machine, and can cut what goes through it. */
final class TcpProxy implements AutoCloseable {
  private final ServerSocket door;
  private final int target;
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private volatile boolean down;

  private TcpProxy(ServerSocket door, int target) {
    this.door = door;
    this.target = target;
  }

  static TcpProxy to(int port) throws IOException {
    TcpProxy proxy = new TcpProxy(new ServerSocket(0, 50, InetAddress.getLoopbackAddress()), port);
    Thread.ofVirtual().start(proxy::accept);
    return proxy;
  }

  int port() {
    return door.getLocalPort();
  }

  /** Closes every connection, in the middle of whatever it says; new ones can be made at once. */
  void cut() {
    for (Socket socket : sockets) {
      sockets.remove(socket);
      close(socket);
    }
  }

  /** The same, and nobody gets through until {@link #up}. */
  void down() {
    down = true;
    cut();
  }

  void up() {
    down = false;
  }

  private void accept() {
    try {
      while (true) {
        Socket in = door.accept();
        if (down) {
          close(in);
          continue;
        }
        Socket out = new Socket(InetAddress.getLoopbackAddress(), target);
        sockets.add(in);
        sockets.add(out);
        Thread.ofVirtual().start(() -> copy(in, out));
        Thread.ofVirtual().start(() -> copy(out, in));
      }
    } catch (IOException e) {
      // closed
    }
  }

  private static void copy(Socket from, Socket to) {
    try {
      from.getInputStream().transferTo(to.getOutputStream());
    } catch (IOException e) {
      // cut
    }
    close(from);
    close(to);
  }

  private static void close(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // it is gone
    }
  }

  @Override
  public void close() throws IOException {
    door.close();
    cut();
  }
}
