package org.kilonova.amqp;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.kilonova.persistence.SecretFile;

/** A configuration file as oslo.messaging's programs read it, with the way to the broker. */
public final class OsloConf {
  private OsloConf() {}

  /**
   * Writes one that leads to this broker. Only its owner can read it: the URL holds a password.
   *
   * @param loginMethod SASL mechanism; oslo's default, AMQPLAIN, is not in every broker
   */
  public static void write(
      Path file, String transportUrl, String controlExchange, String loginMethod) {
    SecretFile.write(
        file,
        """
        [DEFAULT]
        transport_url = %s
        control_exchange = %s

        [oslo_messaging_rabbit]
        rabbit_login_method = %s
        """
            .formatted(value(transportUrl), value(controlExchange), value(loginMethod)));
  }

  /**
   * {@code transport_url} under {@code [DEFAULT]}, if it is there.
   *
   * @throws UncheckedIOException if the file cannot be read
   */
  public static Optional<String> transportUrl(Path file) {
    String section = "";
    try {
      for (String line : Files.readAllLines(file)) {
        String text = line.strip();
        if (text.startsWith("[")) {
          section = text;
        } else if (section.equals("[DEFAULT]") && text.matches("transport_url\\s*=.*")) {
          return Optional.of(text.substring(text.indexOf('=') + 1).strip().replace("$$", "$"));
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return Optional.empty();
  }

  /** A dollar begins a substitution there. */
  private static String value(String text) {
    return text.replace("$", "$$");
  }
}
