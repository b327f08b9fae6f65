package org.kilonova.bench;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.SSLSocketFactory;

/**
 * One kept-alive HTTP/1.1 connection, for one thread. It does as little as a client can: one write
 * and, for a short answer, one read for each request.
 */
final class HttpConnection implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(120);

  /**
   * What came back.
   *
   * @param headers by name in lower case
   */
  record Answer(int status, Map<String, String> headers, byte[] body) {
    String text() {
      return new String(body, StandardCharsets.UTF_8);
    }
  }

  private final URI server;
  private final byte[] buffer = new byte[64 << 10];
  private Socket socket;
  private InputStream in;
  private OutputStream out;
  private int position;
  private int limit;

  /** Connects at the first request. */
  HttpConnection(URI server) {
    this.server = server;
  }

  /**
   * Sends a request and reads the whole answer, whatever its status.
   *
   * @param headers complete lines, each with its CRLF
   * @param body null for none
   */
  Answer send(String method, String path, String headers, byte[] body) throws IOException {
    if (socket == null) {
      connect();
    }
    byte[] payload = body == null ? new byte[0] : body;
    byte[] head =
        (method
                + " "
                + path
                + " HTTP/1.1\r\nHost: "
                + server.getAuthority()
                + "\r\n"
                + headers
                + (body == null && method.equals("GET")
                    ? ""
                    : "Content-Length: " + payload.length + "\r\n")
                + "\r\n")
            .getBytes(StandardCharsets.ISO_8859_1);
    byte[] request = new byte[head.length + payload.length];
    System.arraycopy(head, 0, request, 0, head.length);
    System.arraycopy(payload, 0, request, head.length, payload.length);
    try {
      out.write(request);
      out.flush();
      return receive();
    } catch (IOException | RuntimeException e) {
      close(); // what would come next on this connection belongs to nobody
      throw e;
    }
  }

  private void connect() throws IOException {
    boolean secure = "https".equals(server.getScheme());
    int port = server.getPort() >= 0 ? server.getPort() : secure ? 443 : 80;
    socket = secure ? SSLSocketFactory.getDefault().createSocket() : new Socket();
    socket.setTcpNoDelay(true);
    socket.setSoTimeout((int) PATIENCE.toMillis());
    if (socket instanceof SSLSocket tls) {
      SSLParameters parameters = tls.getSSLParameters();
      parameters.setEndpointIdentificationAlgorithm("HTTPS");
      tls.setSSLParameters(parameters);
    }
    socket.connect(new InetSocketAddress(server.getHost(), port), (int) PATIENCE.toMillis());
    in = socket.getInputStream();
    out = socket.getOutputStream();
    position = 0;
    limit = 0;
  }

  private Answer receive() throws IOException {
    String line = line();
    if (line.length() < 12 || !line.startsWith("HTTP/1.")) {
      throw new IOException("no HTTP/1.1: " + line);
    }
    int status = Integer.parseInt(line.substring(9, 12));
    Map<String, String> headers = new HashMap<>();
    while (!(line = line()).isEmpty()) {
      int colon = line.indexOf(':');
      if (colon > 0) {
        headers.put(
            line.substring(0, colon).toLowerCase(Locale.ROOT), line.substring(colon + 1).strip());
      }
    }
    byte[] body;
    if (status == 204 || status == 304) {
      body = new byte[0];
    } else if ("chunked".equalsIgnoreCase(headers.get("transfer-encoding"))) {
      body = chunks();
    } else if (headers.containsKey("content-length")) {
      body = bytes(Integer.parseInt(headers.get("content-length")));
    } else {
      throw new IOException("an answer without a length");
    }
    if ("close".equalsIgnoreCase(headers.get("connection"))) {
      close();
    }
    return new Answer(status, headers, body);
  }

  private byte[] chunks() throws IOException {
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    while (true) {
      String size = line();
      int extension = size.indexOf(';');
      int length =
          Integer.parseInt((extension < 0 ? size : size.substring(0, extension)).strip(), 16);
      if (length == 0) {
        while (!line().isEmpty()) {
          // trailers
        }
        return whole.toByteArray();
      }
      whole.writeBytes(bytes(length));
      line();
    }
  }

  private String line() throws IOException {
    StringBuilder line = new StringBuilder(80);
    while (true) {
      if (position == limit) {
        fill();
      }
      byte next = buffer[position++];
      if (next == '\n') {
        return line.toString();
      }
      if (next != '\r') {
        line.append((char) (next & 0xff));
      }
    }
  }

  private byte[] bytes(int count) throws IOException {
    byte[] bytes = new byte[count];
    int done = Math.min(count, limit - position);
    System.arraycopy(buffer, position, bytes, 0, done);
    position += done;
    while (done < count) {
      int read = in.read(bytes, done, count - done);
      if (read < 0) {
        throw new EOFException("the answer ends after " + done + " of " + count + " bytes");
      }
      done += read;
    }
    return bytes;
  }

  private void fill() throws IOException {
    position = 0;
    limit = 0;
    int read = in.read(buffer);
    if (read < 0) {
      throw new EOFException("the server closed the connection");
    }
    limit = read;
  }

  @Override
  public void close() {
    if (socket != null) {
      try {
        socket.close();
      } catch (IOException e) {
        // nothing is lost
      }
      socket = null;
    }
  }
}
