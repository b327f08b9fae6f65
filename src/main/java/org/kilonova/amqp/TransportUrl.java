package org.kilonova.amqp;

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * oslo.messaging's {@code transport_url}: {@code
 * rabbit://user:password@host:port,user2:password2@host2:port2/virtual-host?query}. As there, a
 * host without credentials has none, whatever the others have; every part is percent-decoded; the
 * query is ignored.
 *
 * @param hosts at least one
 * @param virtualHost {@code /} where the URL names none
 */
record TransportUrl(List<Host> hosts, String virtualHost) {
  private static final Set<String> SCHEMES = Set.of("rabbit", "kombu", "amqp");

  /** One broker; its password is in no text. */
  record Host(String name, int port, String user, String password) {
    @Override
    public String toString() {
      return name + ":" + port;
    }
  }

  /**
   * Reads one.
   *
   * @param defaultPort of hosts that name none
   * @throws IllegalArgumentException saying what is wrong, without the URL: it holds passwords
   */
  static TransportUrl parse(String url, int defaultPort) {
    int scheme = url.indexOf("://");
    if (scheme < 0 || !SCHEMES.contains(url.substring(0, scheme))) {
      throw new IllegalArgumentException(
          "does not look like rabbit://user:password@host:port/virtual-host");
    }
    String rest = url.substring(scheme + 3);
    int query = rest.indexOf('?');
    rest = query < 0 ? rest : rest.substring(0, query);
    int slash = rest.indexOf('/');
    String path = slash < 0 ? "" : decode(rest.substring(slash + 1));
    List<Host> hosts = new ArrayList<>();
    for (String part : (slash < 0 ? rest : rest.substring(0, slash)).split(",", -1)) {
      hosts.add(host(part, defaultPort));
    }
    return new TransportUrl(List.copyOf(hosts), path.isEmpty() ? "/" : path);
  }

  private static Host host(String part, int defaultPort) {
    int at = part.lastIndexOf('@');
    String credentials = at < 0 ? "" : part.substring(0, at);
    String address = part.substring(at + 1);
    int colon = credentials.indexOf(':');
    String user = colon < 0 ? credentials : credentials.substring(0, colon);
    String password = colon < 0 ? "" : credentials.substring(colon + 1);
    int end = address.startsWith("[") ? address.indexOf(']') + 1 : address.lastIndexOf(':');
    if (address.startsWith("[") && end == 0) {
      throw new IllegalArgumentException("has an IPv6 address without its ']'");
    }
    if (end < 0) {
      end = address.length();
    }
    String name = address.substring(0, end).replaceAll("^\\[|]$", "");
    if (name.isEmpty()) {
      throw new IllegalArgumentException("has a host without a name");
    }
    return new Host(
        name, port(address.substring(end), defaultPort), decode(user), decode(password));
  }

  private static int port(String text, int defaultPort) {
    if (text.isEmpty()) {
      return defaultPort;
    }
    try {
      int port = Integer.parseInt(text.substring(1));
      if (text.charAt(0) == ':' && port > 0 && port < 65536) {
        return port;
      }
    } catch (NumberFormatException e) {
      // said below
    }
    throw new IllegalArgumentException("has a port that is none");
  }

  private static String decode(String text) {
    try {
      // A plus is a plus here, not a blank.
      return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("has a bad percent escape", e);
    }
  }

  /** The hosts only. */
  @Override
  public String toString() {
    return hosts + "/" + virtualHost;
  }
}
