package org.kilonova.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Who we are, as an openrc says it. The password is in no message and in no {@code toString}. */
record Credentials(
    String authUrl,
    String user,
    String userDomain,
    String password,
    String project,
    String projectDomain) {
  private static final Pattern EXPORT = Pattern.compile("^\\s*(?:export\\s+)?(OS_\\w+)=(.*?)\\s*$");

  /**
   * Of OS_… variables.
   *
   * @throws BenchException that names the first one that is missing
   */
  static Credentials of(Map<String, String> variables) {
    return new Credentials(
        required(variables, "OS_AUTH_URL"),
        required(variables, "OS_USERNAME"),
        variables.getOrDefault("OS_USER_DOMAIN_NAME", "Default"),
        required(variables, "OS_PASSWORD"),
        required(variables, "OS_PROJECT_NAME"),
        variables.getOrDefault("OS_PROJECT_DOMAIN_NAME", "Default"));
  }

  /** Of a file with {@code export OS_NAME=value} lines; no shell runs, so values are literal. */
  static Credentials openrc(Path file) {
    Map<String, String> variables = new HashMap<>();
    try {
      for (String line : Files.readAllLines(file)) {
        Matcher export = EXPORT.matcher(line);
        if (export.matches()) {
          variables.put(export.group(1), unquoted(export.group(2)));
        }
      }
    } catch (IOException e) {
      throw new BenchException("cannot read " + file, e);
    }
    return of(variables);
  }

  private static String unquoted(String value) {
    boolean quoted =
        value.length() >= 2
            && (value.charAt(0) == '"' || value.charAt(0) == '\'')
            && value.charAt(0) == value.charAt(value.length() - 1);
    return quoted ? value.substring(1, value.length() - 1) : value;
  }

  private static String required(Map<String, String> variables, String name) {
    String value = variables.getOrDefault(name, "");
    if (value.isEmpty()) {
      throw new BenchException("no " + name + ": source an openrc, or name one");
    }
    return value;
  }

  @Override
  public String toString() {
    return user + " in " + project + " at " + authUrl;
  }
}
