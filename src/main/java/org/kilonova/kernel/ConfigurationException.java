package org.kilonova.kernel;

/**
 * What an operator configured cannot work. Its message is one line that starts with the key to
 * change; {@code Main} prints that line, without a stack trace, and stops with exit code 1; or with
 * 75 if it may be right, and what it names is only away just now.
 */
public final class ConfigurationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String key;
  private final boolean passing;

  /**
   * @param key the configuration key, e.g. {@code kilonova.database.url}
   * @param problem what is wrong with its value and what would be right; never contains a secret
   */
  public ConfigurationException(String key, String problem) {
    this(key, problem, null);
  }

  /** As above, with the cause for the log. */
  public ConfigurationException(String key, String problem, Throwable cause) {
    this(key, problem, cause, false);
  }

  /**
   * As above.
   *
   * @param passing whether the same may work later: what the key names is not there just now
   */
  public ConfigurationException(String key, String problem, Throwable cause, boolean passing) {
    super(key + ": " + problem.lines().findFirst().orElse("invalid"), cause);
    this.key = key;
    this.passing = passing;
  }

  /** Whether the same may work later. */
  public boolean isPassing() {
    return passing;
  }

  /** The key to change. */
  public String key() {
    return key;
  }
}
