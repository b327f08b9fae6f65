package org.kilonova.kernel;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Who asked, and all that is known of the request: OpenStack's request context. It is kept in the
 * instance's history and travels on with what is told about it, so it never holds what could be
 * used to act as its owner.
 *
 * @param requestId {@code req-<uuid>}
 * @param userId who asked
 * @param projectId the project that the token was scoped to
 * @param more the other keys, oslo.context's or anybody's ({@code roles}, {@code is_admin}, {@code
 *     timestamp}, {@code user_name} ...), with JSON's types; tokens, passwords and the service
 *     catalog are dropped, and so is what is null
 */
public record ActionContext(
    String requestId,
    String userId,
    String projectId,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) Map<String, Object> more) {
  private static final List<String> NEVER =
      List.of("token", "catalog", "password", "secret", "credential");

  public ActionContext {
    Map<String, Object> kept = new TreeMap<>();
    if (more != null) {
      more.forEach(
          (key, value) -> {
            if (value != null && !isSecret(key)) {
              kept.put(key, value);
            }
          });
    }
    more = Collections.unmodifiableMap(kept);
  }

  /** Of which nothing else is known. */
  public ActionContext(String requestId, String userId, String projectId) {
    this(requestId, userId, projectId, Map.of());
  }

  /** For what the system does of its own accord. */
  public static ActionContext system(String why) {
    return new ActionContext("req-" + why, null, null);
  }

  /** Whether a key of this name must not be kept, nor told to anybody. */
  public static boolean isSecret(String key) {
    String name = key.toLowerCase(Locale.ROOT);
    return NEVER.stream().anyMatch(name::contains);
  }

  /** Names the request only. */
  @Override
  public String toString() {
    return "ActionContext[" + requestId + "]";
  }
}
