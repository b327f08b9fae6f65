package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;

/**
 * {@code /extensions}: what was optional before there were microversions. Clients look here for an
 * alias to find out what they may call; the list is the same for all clouds since.
 */
final class ExtensionsApi {
  /** Alias and name. */
  private static final Map<String, String> EXTENSIONS =
      parse(
          """
          NMN Multinic
          OS-DCF DiskConfig
          OS-EXT-AZ ExtendedAvailabilityZone
          OS-EXT-IMG-SIZE ImageSize
          OS-EXT-IPS ExtendedIps
          OS-EXT-IPS-MAC ExtendedIpsMac
          OS-EXT-SRV-ATTR ExtendedServerAttributes
          OS-EXT-STS ExtendedStatus
          OS-FLV-DISABLED FlavorDisabled
          OS-FLV-EXT-DATA FlavorExtraData
          OS-SCH-HNT SchedulerHints
          OS-SRV-USG ServerUsage
          os-access-ips AccessIPs
          os-admin-actions AdminActions
          os-admin-password AdminPassword
          os-agents Agents
          os-aggregates Aggregates
          os-assisted-volume-snapshots AssistedVolumeSnapshots
          os-attach-interfaces AttachInterfaces
          os-availability-zone AvailabilityZone
          os-baremetal-ext-status BareMetalExtStatus
          os-baremetal-nodes BareMetalNodes
          os-block-device-mapping BlockDeviceMapping
          os-block-device-mapping-v2-boot BlockDeviceMappingV2Boot
          os-cell-capacities CellCapacities
          os-cells Cells
          os-certificates Certificates
          os-cloudpipe Cloudpipe
          os-cloudpipe-update CloudpipeUpdate
          os-config-drive ConfigDrive
          os-console-auth-tokens ConsoleAuthTokens
          os-console-output ConsoleOutput
          os-consoles Consoles
          os-create-backup CreateBackup
          os-create-server-ext Createserverext
          os-deferred-delete DeferredDelete
          os-evacuate Evacuate
          os-extended-evacuate-find-host ExtendedEvacuateFindHost
          os-extended-floating-ips ExtendedFloatingIps
          os-extended-hypervisors ExtendedHypervisors
          os-extended-networks ExtendedNetworks
          os-extended-quotas ExtendedQuotas
          os-extended-rescue-with-image ExtendedRescueWithImage
          os-extended-services ExtendedServices
          os-extended-services-delete ExtendedServicesDelete
          os-extended-status ExtendedStatus
          os-extended-volumes ExtendedVolumes
          os-fixed-ips FixedIPs
          os-flavor-access FlavorAccess
          os-flavor-extra-specs FlavorExtraSpecs
          os-flavor-manage FlavorManage
          os-flavor-rxtx FlavorRxtx
          os-flavor-swap FlavorSwap
          os-floating-ip-dns FloatingIpDns
          os-floating-ip-pools FloatingIpPools
          os-floating-ips FloatingIps
          os-floating-ips-bulk FloatingIpsBulk
          os-fping Fping
          os-hide-server-addresses HideServerAddresses
          os-hosts Hosts
          os-hypervisor-status HypervisorStatus
          os-hypervisors Hypervisors
          os-instance-actions InstanceActions
          os-instance_usage_audit_log OSInstanceUsageAuditLog
          os-keypairs Keypairs
          os-lock-server LockServer
          os-migrate-server MigrateServer
          os-migrations Migrations
          os-multiple-create MultipleCreate
          os-networks Networks
          os-networks-associate NetworkAssociationSupport
          os-pause-server PauseServer
          os-personality Personality
          os-preserve-ephemeral-rebuild PreserveEphemeralOnRebuild
          os-quota-class-sets QuotaClasses
          os-quota-sets Quotas
          os-rescue Rescue
          os-security-group-default-rules SecurityGroupDefaultRules
          os-security-groups SecurityGroups
          os-server-diagnostics ServerDiagnostics
          os-server-external-events ServerExternalEvents
          os-server-group-quotas ServerGroupQuotas
          os-server-groups ServerGroups
          os-server-list-multi-status ServerListMultiStatus
          os-server-password ServerPassword
          os-server-sort-keys ServerSortKeys
          os-server-start-stop ServerStartStop
          os-services Services
          os-shelve Shelve
          os-simple-tenant-usage SimpleTenantUsage
          os-suspend-server SuspendServer
          os-tenant-networks OSTenantNetworks
          os-used-limits UsedLimits
          os-used-limits-for-admin UsedLimitsForAdmin
          os-user-data UserData
          os-user-quotas UserQuotas
          os-virtual-interfaces VirtualInterfaces
          os-volume-attachment-update VolumeAttachmentUpdate
          os-volumes Volumes
          """);

  private ExtensionsApi() {}

  /** Adds the routes. */
  static void routes(Mount mount) {
    mount.get("/extensions", call -> list()).get("/extensions/{alias}", ExtensionsApi::show);
  }

  private static Reply list() {
    ObjectNode document = Json.object();
    ArrayNode list = document.putArray("extensions");
    EXTENSIONS.keySet().forEach(alias -> list.add(view(alias)));
    return Reply.json(200, document);
  }

  private static Reply show(Call call) {
    String alias = call.path("alias");
    if (!EXTENSIONS.containsKey(alias)) {
      throw ApiFault.notFound("The resource could not be found.");
    }
    ObjectNode document = Json.object();
    document.set("extension", view(alias));
    return Reply.json(200, document);
  }

  private static ObjectNode view(String alias) {
    String name = EXTENSIONS.get(alias);
    ObjectNode node =
        Json.object()
            .put("alias", alias)
            .put("name", name)
            .put("description", name + " support.")
            .put("namespace", "http://docs.openstack.org/compute/ext/fake_xml")
            .put("updated", "2014-12-03T00:00:00Z");
    node.putArray("links");
    return node;
  }

  private static Map<String, String> parse(String text) {
    Map<String, String> extensions = new LinkedHashMap<>();
    text.lines()
        .map(line -> line.strip().split(" "))
        .forEach(words -> extensions.put(words[0], words[1]));
    return extensions;
  }
}
