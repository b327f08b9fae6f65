package org.kilonova.api.compute;

import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;

/** APIs that Nova once had and has removed: they answer 410 Gone in all microversions. */
final class GoneApi {
  private static final String ROUTES =
      """
      GET POST             /os-agents
      PUT DELETE           /os-agents/{id}
      GET POST             /os-cells
      GET                  /os-cells/capacities
      GET                  /os-cells/detail
      GET                  /os-cells/info
      POST                 /os-cells/sync_instances
      GET PUT DELETE       /os-cells/{id}
      GET                  /os-cells/{id}/capacities
      POST                 /os-certificates
      GET                  /os-certificates/{id}
      GET POST             /os-cloudpipe
      PUT                  /os-cloudpipe/{id}
      GET                  /os-fixed-ips/{id}
      POST                 /os-fixed-ips/{id}/action
      GET                  /os-floating-ip-dns
      PUT DELETE           /os-floating-ip-dns/{id}
      GET PUT DELETE       /os-floating-ip-dns/{domain}/entries/{id}
      GET POST             /os-floating-ips-bulk
      GET PUT              /os-floating-ips-bulk/{id}
      GET                  /os-fping
      GET                  /os-fping/{id}
      POST                 /os-networks
      POST                 /os-networks/add
      DELETE               /os-networks/{id}
      GET POST             /os-security-group-default-rules
      GET DELETE           /os-security-group-default-rules/{id}
      POST                 /os-tenant-networks
      DELETE               /os-tenant-networks/{id}
      GET POST             /servers/{server}/consoles
      GET DELETE           /servers/{server}/consoles/{id}
      GET                  /servers/{server}/os-virtual-interfaces
      """;

  private GoneApi() {}

  /** Adds the routes. */
  static void routes(Mount mount) {
    for (String line : ROUTES.lines().toList()) {
      String[] words = line.strip().split("\\s+");
      for (int i = 0; i < words.length - 1; i++) {
        mount.route(Method.valueOf(words[i]), words[words.length - 1]).gone();
      }
    }
  }
}
