package org.kilonova.kernel;

/**
 * What an operator configured cannot work. Its message is one line that starts with the key to
 * change; {@code Main} prints that line, without a stack trace, and stops with exit code 1.
 */
public final class ConfigurationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String key;

  /**
   * @param key the configuration key, e.g. {@code kilonova.database.url}
   * @param problem what is wrong with its value and what would be right; never contains a secret
   */
  public ConfigurationException(String key, String problem) {
    this(key, problem, null);
  }

  /** As above, with the cause for the log. */
  public ConfigurationException(String key, String problem, Throwable cause) {
    super(key + ": " + problem.lines().findFirst().orElse("invalid"), cause);
    this.key = key;
  }

  /** The key to change. */
  public String key() {
    return key;
  }
}
