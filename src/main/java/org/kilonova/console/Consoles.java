package org.kilonova.console;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.kilonova.compute.ComputeProtocol.VncConsoleFound;
import org.kilonova.compute.ComputeProtocol.VncConsoleOpened;
import org.kilonova.console.ConsoleAuthTokens.Authorization;
import org.kilonova.instance.InstanceState.Deleted;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.UnavailableException;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.InstanceQueries;
import org.kilonova.readmodel.InstanceRow;

/**
 * Guests' consoles: who asked for one by the API or the bus is given a token, and who comes to the
 * {@link ConsoleProxy} with it is connected. All methods block.
 */
public final class Consoles {
  /** The one type of console that there is. */
  public static final String NOVNC = "novnc";

  private final ConsoleAuthTokens tokens;
  private final InstanceQueries instances;
  private final Displays displays;
  private final String novncBaseUrl;

  /**
   * The consoles.
   *
   * @param novncBaseUrl the page that shows a display (Nova's {@code vnc.novncproxy_base_url});
   *     null if there is none
   */
  public Consoles(
      ConsoleAuthTokens tokens, InstanceQueries instances, Displays displays, String novncBaseUrl) {
    this.tokens = tokens;
    this.instances = instances;
    this.displays = displays;
    this.novncBaseUrl = novncBaseUrl;
  }

  /** Who may see what. */
  public ConsoleAuthTokens tokens() {
    return tokens;
  }

  /**
   * Access to the instance's display; each call gives another token.
   *
   * @param consoleType {@code novnc}
   * @throws ConsoleException if there is none
   * @throws UnavailableException if its host cannot be asked just now
   */
  public RemoteConsole vnc(Present state, String consoleType) {
    if (novncBaseUrl == null) {
      throw ConsoleException.unavailable(consoleType);
    }
    if (!consoleType.equals(NOVNC)) {
      throw ConsoleException.invalid(consoleType);
    }
    InstanceId id = state.instance().id();
    VncConsoleFound found =
        display(state).orElseThrow(() -> ConsoleException.unavailable(consoleType));
    String token =
        tokens.authorize(new Authorization(id, consoleType, found.host(), found.port(), null));
    return new RemoteConsole(token, accessUrl(token), found.host(), found.port(), null);
  }

  /**
   * Where the instance's display is now, of which host and port are to be used.
   *
   * @return empty if guests have none on that host
   * @throws ConsoleException if the guest does not run
   * @throws UnavailableException if its host cannot be asked just now
   */
  public Optional<VncConsoleFound> display(Present state) {
    VncConsoleFound found = displays.find(placed(state));
    return switch (found.display()) {
      case SHOWN -> Optional.of(found);
      case NONE -> Optional.empty();
      case NOT_RUNNING -> throw ConsoleException.notReady(state.instance().id());
      case FAILED -> throw new UnavailableException(found.error());
    };
  }

  /** noVNC takes the path of its websocket from the page's query, and the token is in that path. */
  private String accessUrl(String token) {
    return novncBaseUrl
        + (novncBaseUrl.contains("?") ? "&" : "?")
        + "path="
        + URLEncoder.encode("?token=" + token, StandardCharsets.UTF_8);
  }

  /**
   * Connects to the display that a token is for, on the host where its instance is now.
   *
   * @return empty if the token opens nothing (any more)
   * @throws ConsoleException if the guest is not to be seen now
   * @throws UnavailableException if its host cannot be reached just now
   */
  Optional<Connection> open(String token) {
    Optional<Present> allowed =
        tokens
            .find(token)
            .map(Authorization::instance)
            .flatMap(instances::find)
            .map(InstanceRow::state)
            .filter(state -> !(state instanceof Deleted));
    return allowed.map(
        state -> {
          InstanceId id = state.instance().id();
          VncConsoleOpened opened = displays.open(placed(state));
          return switch (opened.display()) {
            case SHOWN -> new Connection(id, opened);
            case NONE -> throw ConsoleException.unavailable(NOVNC);
            case NOT_RUNNING -> throw ConsoleException.notReady(id);
            case FAILED -> throw new UnavailableException(opened.error());
          };
        });
  }

  private static Present placed(Present state) {
    if (state.instance().placement() == null) {
      throw ConsoleException.notReady(state.instance().id());
    }
    return state;
  }

  /**
   * An open console.
   *
   * @param streams with both references
   */
  record Connection(InstanceId instance, VncConsoleOpened streams) {}
}
