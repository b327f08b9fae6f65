package org.kilonova.console;

import java.util.Optional;
import org.kilonova.kernel.InstanceId;

/**
 * Which token opens which console: {@code nova/objects/console_auth_token.py}. All methods block.
 */
public interface ConsoleAuthTokens {
  /**
   * Where a token's console is.
   *
   * @param instance null if whoever made the token did not say it: then only a proxy of others can
   *     use it
   * @param consoleType {@code novnc}
   * @param host of the display, as others reach it
   * @param port of the display
   * @param internalAccessPath null but for kinds of consoles that need one
   */
  record Authorization(
      InstanceId instance, String consoleType, String host, int port, String internalAccessPath) {}

  /** A new token for a console. It is told once and kept nowhere. */
  String authorize(Authorization authorization);

  /** The same for a token that somebody else has made; again is a renewal. */
  void authorize(String token, Authorization authorization);

  /** What a token is for; empty if it never was, or is no longer. */
  Optional<Authorization> find(String token);

  /** Ends all tokens of an instance. */
  void revoke(InstanceId instance);
}
