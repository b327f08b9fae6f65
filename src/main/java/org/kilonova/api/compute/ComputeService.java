package org.kilonova.api.compute;

import java.util.List;
import java.util.function.Consumer;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.FaultStyle;
import org.kilonova.api.http.Microversions;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Service;
import org.kilonova.catalog.CatalogException;
import org.kilonova.instance.Instances;

/** Assembles the compute service: Nova's API, as /v2.1 and in its older form as /v2. */
public final class ComputeService {
  static final String PREFIX = "compute";

  private ComputeService() {}

  /**
   * The service.
   *
   * @param resources what adds the routes of each resource, e.g. {@code flavorsApi::routes}; each
   *     is called once for each version
   */
  public static Service build(List<Consumer<Mount>> resources) {
    return Service.named("compute", PREFIX, FaultStyle.NOVA)
        .microversions(Microversions.COMPUTE)
        .requestIdHeader("x-compute-request-id")
        .translation(ComputeService::fault)
        .mount("v2.1", mount -> version(mount.optionalProject(), "v2.1", resources))
        .mount(
            "v2", mount -> version(mount.optionalProject().ignoresMicroversions(), "v2", resources))
        .mount("", VersionsApi::root)
        .build();
  }

  /** The refusals of what this service is built on, as Nova answers them. */
  private static ApiFault fault(Throwable e) {
    return switch (e) {
      case CatalogException refusal ->
          switch (refusal.kind()) {
            case INVALID -> ApiFault.badRequest(refusal.getMessage());
            case NOT_FOUND -> ApiFault.notFound(refusal.getMessage());
            case CONFLICT -> ApiFault.conflict(refusal.getMessage());
            case OVER_QUOTA -> ApiFault.forbidden(refusal.getMessage());
          };
      case Instances.UnavailableException away -> ApiFault.unavailable();
      default -> null;
    };
  }

  private static void version(Mount mount, String path, List<Consumer<Mount>> resources) {
    VersionsApi.version(mount, path);
    GoneApi.routes(mount);
    ExtensionsApi.routes(mount);
    resources.forEach(resource -> resource.accept(mount));
  }
}
