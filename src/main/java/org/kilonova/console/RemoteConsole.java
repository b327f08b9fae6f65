package org.kilonova.console;

/**
 * A console that somebody was given access to: Nova's {@code get_connection_info}.
 *
 * @param token opens it until it expires; a secret
 * @param accessUrl the page that shows it, with the token
 * @param host of the display itself, as proxies reach it
 * @param port of the display
 * @param internalAccessPath null but for kinds of consoles that need one
 */
public record RemoteConsole(
    String token, String accessUrl, String host, int port, String internalAccessPath) {
  /** Without the secrets. */
  @Override
  public String toString() {
    return "RemoteConsole[" + host + ":" + port + "]";
  }
}
