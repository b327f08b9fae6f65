package org.kilonova.instance;

import java.time.Instant;
import java.util.Objects;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;

/**
 * A clean-up that is owed. It stays in the state, and keeps the instance from being forgotten,
 * until whoever holds the thing has confirmed that it is gone.
 *
 * @param kind what is to be given back
 * @param host for {@link Kind#HOST}: where; else null
 * @param attempt for {@link Kind#HOST}: domains of this attempt and lower are to go; else null
 * @param since when it arose
 */
public record Obligation(Kind kind, HostId host, Attempt attempt, Instant since) {
  /** What is owed. */
  public enum Kind {
    /** Claim, domain, disks and network devices on a host. */
    HOST,
    /**
     * Ports and addresses. Paid only when no HOST obligation is open: a domain that may still run
     * keeps its address.
     */
    NETWORK
  }

  public static Obligation host(HostId host, Attempt attempt, Instant since) {
    return new Obligation(Kind.HOST, host, attempt, since);
  }

  public static Obligation network(Instant since) {
    return new Obligation(Kind.NETWORK, null, null, since);
  }

  /** Whether {@code other} speaks of the same debt. */
  public boolean sameAs(Obligation other) {
    return kind == other.kind
        && Objects.equals(host, other.host)
        && Objects.equals(attempt, other.attempt);
  }
}
