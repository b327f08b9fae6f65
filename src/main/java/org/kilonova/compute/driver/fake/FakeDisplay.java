package org.kilonova.compute.driver.fake;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The display of a guest that is not there: a VNC server (RFC 6143) on loopback that shows a grey
 * area under the name of its domain. It is served until it is closed, which closes whatever is
 * connected, as a guest that stops does.
 */
final class FakeDisplay implements AutoCloseable {
  private static final int WIDTH = 320;
  private static final int HEIGHT = 200;
  private static final byte GREY = 0x60; // the same in each order of colours
  private static final Logger LOG = LoggerFactory.getLogger(FakeDisplay.class);

  private final ServerSocket server;
  private final String name;
  private final Set<Socket> clients = ConcurrentHashMap.newKeySet();

  private FakeDisplay(ServerSocket server, String name) {
    this.server = server;
    this.name = name;
  }

  /**
   * Serves one on a free port.
   *
   * @throws IOException if there is none
   */
  static FakeDisplay open(String name) throws IOException {
    ServerSocket server = new ServerSocket();
    server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
    FakeDisplay display = new FakeDisplay(server, name);
    Thread.ofVirtual().name("fake-display-" + name).start(display::accept);
    return display;
  }

  int port() {
    return server.getLocalPort();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket client = server.accept();
        clients.add(client);
        if (server.isClosed()) {
          client.close(); // it came while we went
        }
        Thread.ofVirtual().start(() -> serve(client));
      } catch (IOException e) {
        LOG.debug("{}: {}", name, e.toString());
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      DataInputStream in = new DataInputStream(client.getInputStream());
      DataOutputStream out = new DataOutputStream(client.getOutputStream());
      greet(in, out);
      while (true) {
        answer(in.readUnsignedByte(), in, out);
      }
    } catch (EOFException e) {
      LOG.debug("{}: the client has gone", name);
    } catch (IOException e) {
      LOG.debug("{}: {}", name, e.toString());
    } finally {
      clients.remove(client);
    }
  }

  /** RFC 6143, 7.1 to 7.3, without a password. */
  private void greet(DataInputStream in, DataOutputStream out) throws IOException {
    out.write("RFB 003.008\n".getBytes(StandardCharsets.US_ASCII));
    in.readNBytes(12);
    out.write(new byte[] {1, 1}); // one kind of security: none
    in.readByte();
    out.writeInt(0);
    in.readByte();
    byte[] called = name.getBytes(StandardCharsets.UTF_8);
    out.writeShort(WIDTH);
    out.writeShort(HEIGHT);
    out.write(new byte[] {32, 24, 0, 1, 0, -1, 0, -1, 0, -1, 16, 8, 0, 0, 0, 0});
    out.writeInt(called.length);
    out.write(called);
  }

  /** RFC 6143, 7.5. Keys and pointers are taken and do nothing. */
  private static void answer(int type, DataInputStream in, DataOutputStream out)
      throws IOException {
    switch (type) {
      case 0 -> in.skipNBytes(19);
      case 2 -> {
        in.skipNBytes(1);
        in.skipNBytes(4L * in.readUnsignedShort());
      }
      case 3 -> {
        boolean incremental = in.readBoolean();
        in.skipNBytes(8);
        if (!incremental) {
          show(out); // nothing ever changes after that
        }
      }
      case 4 -> in.skipNBytes(7);
      case 5 -> in.skipNBytes(5);
      case 6 -> {
        in.skipNBytes(3);
        in.skipNBytes(Math.abs((long) in.readInt()));
      }
      default -> throw new IOException("there is no client message " + type);
    }
  }

  /** RFC 6143, 7.6.1: all of it as one raw rectangle. */
  private static void show(DataOutputStream out) throws IOException {
    byte[] pixels = new byte[WIDTH * HEIGHT * 4];
    Arrays.fill(pixels, GREY);
    out.writeShort(0);
    out.writeShort(1);
    out.writeShort(0);
    out.writeShort(0);
    out.writeShort(WIDTH);
    out.writeShort(HEIGHT);
    out.writeInt(0);
    out.write(pixels);
    out.flush();
  }

  @Override
  public void close() {
    try {
      server.close();
      for (Socket client : clients) {
        client.close();
      }
    } catch (IOException e) {
      LOG.debug("{}: {}", name, e.toString());
    }
  }
}
