package org.kilonova.identity;

import java.net.URI;
import java.nio.file.Path;
import org.kilonova.persistence.SecretFile;

/** The file that a shell sources to use the cloud as its administrator. */
final class Openrc {
  private Openrc() {}

  /** Writes it, for its owner alone. */
  static void write(Path file, URI baseUrl, String region, String password) {
    String text =
        """
        export OS_AUTH_URL=%s
        export OS_USERNAME=admin
        export OS_PASSWORD=%s
        export OS_PROJECT_NAME=admin
        export OS_USER_DOMAIN_NAME=Default
        export OS_PROJECT_DOMAIN_NAME=Default
        export OS_REGION_NAME=%s
        export OS_IDENTITY_API_VERSION=3
        """
            .formatted(quote(baseUrl + "/identity/v3"), quote(password), quote(region));
    SecretFile.write(file, text);
  }

  /** As one word of a POSIX shell. */
  static String quote(String word) {
    return "'" + word.replace("'", "'\\''") + "'";
  }
}
