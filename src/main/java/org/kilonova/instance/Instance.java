package org.kilonova.instance;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;
import org.kilonova.kernel.PowerState;

/**
 * What all states of an instance have in common.
 *
 * @param spec what was asked for
 * @param placement null until a host was chosen
 * @param nics empty until networks were allocated
 * @param power as last observed on the hypervisor
 * @param lock null = not locked
 * @param obligations clean-ups owed for abandoned attempts or for the deletion
 * @param updatedAt of the last change
 * @param launchedAt of the first activation, or null
 * @param terminatedAt of the deletion, or null
 * @param lastRequestId of the last accepted task, so that a repeated request is known, or null
 * @param lastObservation the number that the host it is placed on gave the observation that {@code
 *     power} was last changed by, or null
 * @param requestId of the create, task or delete that is under way, or was last: for logs
 * @param networkRevision the network service's number of the change that {@code nics} has, or null
 *     if they are as they were allocated
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Instance(
    InstanceSpec spec,
    String name,
    String description,
    String hostname,
    Map<String, String> metadata,
    List<String> tags,
    String accessIPv4,
    String accessIPv6,
    String diskConfig,
    Lock lock,
    Placement placement,
    List<Nic> nics,
    PowerState power,
    List<Obligation> obligations,
    Instant createdAt,
    Instant updatedAt,
    Instant launchedAt,
    Instant terminatedAt,
    String lastRequestId,
    Long lastObservation,
    String requestId,
    Long networkRevision) {

  /** A new one, straight from the request. */
  public static Instance requested(InstanceSpec spec, String requestId, Instant at) {
    return new Instance(
        spec,
        spec.name(),
        spec.description(),
        spec.hostname(),
        spec.metadata(),
        spec.tags(),
        spec.accessIPv4(),
        spec.accessIPv6(),
        spec.diskConfig(),
        null,
        null,
        List.of(),
        PowerState.NOSTATE,
        List.of(),
        at,
        at,
        null,
        null,
        null,
        null,
        requestId,
        null);
  }

  public InstanceId id() {
    return spec.id();
  }

  /** Starts a changed copy (records have no withers); {@code at} becomes {@code updatedAt}. */
  public Edit edit(Instant at) {
    return new Edit(this, at);
  }

  /** Collects changes; {@link #done} makes the new instance. */
  public static final class Edit {
    private final Instance from;
    private final Instant at;
    private String name;
    private String description;
    private String hostname;
    private Map<String, String> metadata;
    private List<String> tags;
    private String accessIPv4;
    private String accessIPv6;
    private String diskConfig;
    private Lock lock;
    private Placement placement;
    private List<Nic> nics;
    private PowerState power;
    private List<Obligation> obligations;
    private Instant launchedAt;
    private Instant terminatedAt;
    private String lastRequestId;
    private Long lastObservation;
    private String requestId;
    private Long networkRevision;

    private Edit(Instance from, Instant at) {
      this.from = from;
      this.at = at;
      name = from.name;
      description = from.description;
      hostname = from.hostname;
      metadata = from.metadata;
      tags = from.tags;
      accessIPv4 = from.accessIPv4;
      accessIPv6 = from.accessIPv6;
      diskConfig = from.diskConfig;
      lock = from.lock;
      placement = from.placement;
      nics = from.nics;
      power = from.power;
      obligations = from.obligations;
      launchedAt = from.launchedAt;
      terminatedAt = from.terminatedAt;
      lastRequestId = from.lastRequestId;
      lastObservation = from.lastObservation;
      requestId = from.requestId;
      networkRevision = from.networkRevision;
    }

    public Edit details(InstanceDetails d) {
      name = d.name();
      description = d.description();
      hostname = d.hostname();
      accessIPv4 = d.accessIPv4();
      accessIPv6 = d.accessIPv6();
      diskConfig = d.diskConfig();
      return this;
    }

    public Edit metadata(Map<String, String> value) {
      metadata = value;
      return this;
    }

    public Edit tags(List<String> value) {
      tags = value;
      return this;
    }

    public Edit lock(Lock value) {
      lock = value;
      return this;
    }

    /** Each host numbers its observations by itself. */
    public Edit placement(Placement value) {
      placement = value;
      lastObservation = null;
      return this;
    }

    public Edit nics(List<Nic> value) {
      nics = value;
      return this;
    }

    public Edit networkRevision(long value) {
      networkRevision = value;
      return this;
    }

    public Edit power(PowerState value) {
      power = value;
      return this;
    }

    public Edit observed(long number, PowerState value) {
      lastObservation = number;
      return power(value);
    }

    public Edit launchedAt(Instant value) {
      launchedAt = value;
      return this;
    }

    public Edit terminatedAt(Instant value) {
      terminatedAt = value;
      return this;
    }

    public Edit requestId(String value) {
      requestId = value;
      return this;
    }

    public Edit lastRequestId(String value) {
      lastRequestId = value;
      return this;
    }

    /** Adds debts that are not there yet. */
    public Edit owe(List<Obligation> more) {
      List<Obligation> before = obligations;
      obligations =
          Stream.concat(
                  before.stream(), more.stream().filter(o -> before.stream().noneMatch(o::sameAs)))
              .toList();
      return this;
    }

    /** Strikes a debt. */
    public Edit settle(Obligation paid) {
      obligations = obligations.stream().filter(o -> !o.sameAs(paid)).toList();
      return this;
    }

    public Instance done() {
      return new Instance(
          from.spec,
          name,
          description,
          hostname,
          metadata,
          tags,
          accessIPv4,
          accessIPv6,
          diskConfig,
          lock,
          placement,
          nics,
          power,
          obligations,
          from.createdAt,
          at,
          launchedAt,
          terminatedAt,
          lastRequestId,
          lastObservation,
          requestId,
          networkRevision);
    }
  }
}
