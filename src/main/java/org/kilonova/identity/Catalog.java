package org.kilonova.identity;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * Which services there are and where: the cloud's own, at the front door's address, and what an
 * operator added. Reading it blocks on the database.
 */
public final class Catalog {
  private static final List<String> INTERFACES = List.of("public", "internal", "admin");

  private final Directory directory;
  private final List<Service> builtInServices = new ArrayList<>();
  private final List<Endpoint> builtInEndpoints = new ArrayList<>();

  /** The catalog of the given services at {@code baseUrl}. */
  public Catalog(
      URI baseUrl, String region, List<IdentitySettings.BuiltIn> services, Directory directory) {
    this.directory = directory;
    for (IdentitySettings.BuiltIn service : services) {
      String id = stableId(service.type());
      builtInServices.add(new Service(id, service.type(), service.name(), "", true, Map.of()));
      for (String iface : INTERFACES) {
        builtInEndpoints.add(
            new Endpoint(
                stableId(service.type() + "/" + iface),
                id,
                iface,
                region,
                baseUrl + service.path(),
                true,
                Map.of()));
      }
    }
  }

  /** A service with its endpoints, as a token lists them. */
  public record Entry(Service service, List<Endpoint> endpoints) {}

  /** All services, the cloud's own first. */
  public List<Service> services() {
    return concat(builtInServices, directory.services().list(Map.of()));
  }

  /** All endpoints, the cloud's own first. */
  public List<Endpoint> endpoints() {
    return concat(builtInEndpoints, directory.endpoints().list(Map.of()));
  }

  /** A service of the cloud itself, which only the configuration can change. */
  public Optional<Service> builtInService(String id) {
    return builtInServices.stream().filter(s -> s.id().equals(id)).findFirst();
  }

  /** An endpoint of the cloud itself, which only the configuration can change. */
  public Optional<Endpoint> builtInEndpoint(String id) {
    return builtInEndpoints.stream().filter(e -> e.id().equals(id)).findFirst();
  }

  /**
   * What a token with this scope is told: enabled services that have enabled endpoints, with the
   * project's id put into the URLs that ask for it (left out where there is none to put).
   *
   * @param projectId null if the scope is not a project
   */
  public List<Entry> entries(String projectId) {
    List<Endpoint> endpoints = endpoints();
    return services().stream()
        .filter(Service::enabled)
        .map(
            service ->
                new Entry(
                    service,
                    endpoints.stream()
                        .filter(e -> e.enabled() && e.serviceId().equals(service.id()))
                        .flatMap(e -> fill(e, projectId).stream())
                        .toList()))
        .filter(entry -> !entry.endpoints().isEmpty())
        .toList();
  }

  private static Optional<Endpoint> fill(Endpoint e, String projectId) {
    String url = e.url();
    for (String placeholder :
        List.of("$(project_id)s", "%(project_id)s", "$(tenant_id)s", "%(tenant_id)s")) {
      if (url.contains(placeholder)) {
        if (projectId == null) {
          return Optional.empty();
        }
        url = url.replace(placeholder, projectId);
      }
    }
    return Optional.of(
        new Endpoint(e.id(), e.serviceId(), e.iface(), e.regionId(), url, true, e.extra()));
  }

  /** The same on every controller and after every start. */
  private static String stableId(String name) {
    return UUID.nameUUIDFromBytes(("kilonova/" + name).getBytes(StandardCharsets.UTF_8))
        .toString()
        .replace("-", "");
  }

  private static <T> List<T> concat(List<T> first, List<T> second) {
    List<T> all = new ArrayList<>(first);
    all.addAll(second);
    return all;
  }
}
