package org.kilonova.api.identity;

import static org.kilonova.api.http.Method.GET;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.InstantSource;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.FaultStyle;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Reply;
import org.kilonova.api.http.Service;
import org.kilonova.identity.Directory;
import org.kilonova.identity.EmbeddedIdentity;

/** The identity API: Keystone v3 under {@code /identity}. */
public final class IdentityApi {
  private static final String UPDATED = "2020-04-07T00:00:00Z";

  private IdentityApi() {}

  /** The service for the front door. */
  public static Service service(EmbeddedIdentity identity, InstantSource clock) {
    return Service.named("identity", "/identity", FaultStyle.KEYSTONE)
        .mount("", root -> root.route(GET, "/").open().to(IdentityApi::versions))
        .mount(
            "v3",
            v3 -> {
              v3.route(GET, "/")
                  .open()
                  .to(
                      call -> {
                        ObjectNode document = Json.object();
                        document.set("version", version(call.serviceUrl()));
                        return Reply.json(200, document);
                      });
              new AuthRoutes(identity).mount(v3);
              Directory directory = identity.directory();
              DomainRoutes domains = new DomainRoutes(directory);
              domains.mount(v3);
              new ProjectRoutes(directory, domains).mount(v3);
              new ProjectTagRoutes(directory).mount(v3);
              new UserRoutes(identity).mount(v3);
              new RegionRoutes(directory).mount(v3);
              new ServiceRoutes(identity).mount(v3);
              new EndpointRoutes(identity).mount(v3);
              new GroupRoutes(directory).mount(v3);
              new RoleRoutes(directory).mount(v3);
              new GrantRoutes(directory).mount(v3);
              new ApplicationCredentialRoutes(identity, clock).mount(v3);
            })
        .build();
  }

  /** All versions that there are, as choices. */
  private static Reply versions(Call call) {
    ObjectNode document = Json.object();
    document.putObject("versions").putArray("values").add(version(call.serviceUrl() + "/v3"));
    return Reply.json(300, document).header("Location", call.serviceUrl() + "/v3/");
  }

  private static ObjectNode version(String url) {
    ObjectNode version =
        Json.object().put("id", "v3.14").put("status", "stable").put("updated", UPDATED);
    version.putArray("links").addObject().put("rel", "self").put("href", url + "/");
    version
        .putArray("media-types")
        .addObject()
        .put("base", "application/json")
        .put("type", "application/vnd.openstack.identity-v3+json");
    return version;
  }
}
