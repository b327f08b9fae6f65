package org.kilonova.api.http;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * One of the APIs behind the front door.
 *
 * @param name for logs
 * @param prefix first path segment, e.g. {@code compute}
 * @param microversions null if it has none
 * @param requestIdHeaders headers that carry the request id
 * @param translation the fault for an exception of what the service is built on, or null if it has
 *     none for it
 * @param mounts longest path first
 */
public record Service(
    String name,
    String prefix,
    FaultStyle faults,
    Microversions microversions,
    List<String> requestIdHeaders,
    Function<Throwable, ApiFault> translation,
    List<Mount> mounts) {

  /** Starts one. */
  public static Builder named(String name, String prefix, FaultStyle faults) {
    return new Builder(name, prefix, faults);
  }

  /** Where a path leads. */
  record Target(Mount mount, Mount.Found found) {}

  /** Finds the mount and the routes; {@code found} is null where nothing is. */
  Target find(List<String> segments) {
    for (Mount mount : mounts) {
      List<String> path = mount.segments();
      if (segments.size() >= path.size() && segments.subList(0, path.size()).equals(path)) {
        Mount.Found found = mount.find(segments.subList(path.size(), segments.size()));
        if (found != null || !path.isEmpty()) {
          return new Target(mount, found);
        }
      }
    }
    return null;
  }

  /** Builds a service. */
  public static final class Builder {
    private final String name;
    private final String prefix;
    private final FaultStyle faults;
    private Microversions microversions;
    private final List<String> requestIdHeaders = new ArrayList<>();
    private Function<Throwable, ApiFault> translation = e -> null;
    private final List<Mount> mounts = new ArrayList<>();

    private Builder(String name, String prefix, FaultStyle faults) {
      this.name = name;
      this.prefix = Paths.split(prefix).get(0);
      this.faults = faults;
      requestIdHeaders.add("x-openstack-request-id");
    }

    public Builder microversions(Microversions value) {
      microversions = value;
      return this;
    }

    /** A further header for the request id, e.g. x-compute-request-id. */
    public Builder requestIdHeader(String header) {
      requestIdHeaders.add(0, header);
      return this;
    }

    /** The faults for exceptions that are no {@link ApiFault}s; null for those it does not know. */
    public Builder translation(Function<Throwable, ApiFault> value) {
      translation = value;
      return this;
    }

    /** Routes below a path of the service, "" for its root. */
    public Builder mount(String path, Consumer<Mount> routes) {
      Mount mount = new Mount(path);
      routes.accept(mount);
      mounts.add(mount);
      return this;
    }

    public Service build() {
      mounts.sort(Comparator.comparing((Mount m) -> m.path().length()).reversed());
      return new Service(
          name,
          prefix,
          faults,
          microversions,
          List.copyOf(requestIdHeaders),
          translation,
          List.copyOf(mounts));
    }
  }
}
