package org.kilonova.identity;

import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * How the embedded identity service is configured ({@code kilonova.identity} and the front door).
 *
 * @param baseUrl of the front door as clients reach it, without a slash at the end
 * @param region the cloud's own endpoints are in it
 * @param services what the catalog holds of the cloud itself
 * @param tokenLife how long a token is good
 * @param revocationPoll how often other controllers' revocations are read: they count within this
 * @param passwordCost bcrypt's work factor
 * @param passwordThreads how many passwords are hashed at the same time
 * @param strategy who is let in
 * @param openrc the file that the first start writes
 * @param adminPassword of the first administrator; generated if not given
 */
public record IdentitySettings(
    URI baseUrl,
    String region,
    List<BuiltIn> services,
    Duration tokenLife,
    Duration revocationPoll,
    int passwordCost,
    int passwordThreads,
    Strategy strategy,
    Path openrc,
    Optional<String> adminPassword) {
  /** The services that this cloud has of its own. */
  public static final List<BuiltIn> SERVICES =
      List.of(
          new BuiltIn("compute", "nova", "/compute/v2.1"),
          new BuiltIn("identity", "keystone", "/identity"),
          new BuiltIn("image", "glance", "/image"));

  /** The other settings for a front door at {@code baseUrl}. */
  public static IdentitySettings defaults(URI baseUrl, Path openrc) {
    return new IdentitySettings(
        baseUrl,
        "RegionOne",
        SERVICES,
        Duration.ofHours(1),
        Duration.ofMillis(400),
        10,
        Math.max(1, Runtime.getRuntime().availableProcessors() / 2),
        Strategy.KEYSTONE,
        openrc,
        Optional.empty());
  }

  /** Who is let in. */
  public enum Strategy {
    /** those who prove who they are */
    KEYSTONE,
    /** everybody, as administrator: Nova's {@code noauth2}, for development on one machine */
    NOAUTH2
  }

  /**
   * A service of the cloud itself.
   *
   * @param type e.g. {@code compute}
   * @param name e.g. {@code nova}
   * @param path below the front door's base URL
   */
  public record BuiltIn(String type, String name, String path) {}

  @Override
  public String toString() {
    return "IdentitySettings[" + baseUrl + ", " + strategy + "]";
  }
}
