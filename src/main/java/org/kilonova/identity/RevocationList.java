package org.kilonova.identity;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The revocations that this process knows of: for each subject the revision of the latest. Only
 * grows, and is bounded by what is revoked within a token's lifetime. Thread-safe.
 */
final class RevocationList {
  private final Map<String, Long> latest = new ConcurrentHashMap<>();
  private volatile long revision;

  /** Takes one event in; events come in the order of their revisions, repeats do no harm. */
  synchronized void apply(long eventRevision, String subject) {
    latest.merge(subject, eventRevision, Math::max);
    revision = Math.max(revision, eventRevision);
  }

  /** Forgets events up to a revision that no unexpired token can be older than. */
  void forgetUpTo(long oldest) {
    latest.values().removeIf(at -> at <= oldest);
  }

  /** The latest revision known. */
  long revision() {
    return revision;
  }

  /** Whether something that the token depends on was revoked after it was issued. */
  boolean revokes(AuthToken token) {
    return token
        .subjects()
        .anyMatch(subject -> latest.getOrDefault(subject, 0L) > token.revision());
  }
}
