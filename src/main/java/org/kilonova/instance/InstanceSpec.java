package org.kilonova.instance;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.network.Networks.RequestedNetwork;

/**
 * What was asked for: every attribute of the create request, checked, with the flavor, the image
 * and the key as they were at that moment. It never changes; what can change later lies in {@link
 * Instance}.
 *
 * @param number from the instance number sequence; the domain's name is made of it
 * @param name display name as asked (with the index of a multiple create already appended)
 * @param image null only for a boot from volume
 * @param keyPublic the public key's text, copied so that deleting the key pair does not touch us
 * @param networks normalised request; empty = no NIC
 * @param userData base64 or null
 * @param hostHint desired host (2.74, or {@code az:host:node}), or null
 * @param nodeHint likewise for the hypervisor's name
 * @param launchIndex index within a multiple create, 0 first
 * @param adminPass never shown again, never logged
 * @param schedulerHints as sent, each value a list
 * @param diskConfig AUTO or MANUAL
 * @param serverGroup the server group of the hint {@code group}, or null
 * @param rootDeviceName e.g. /dev/vda
 * @param requestedAt when the API accepted it
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record InstanceSpec(
    InstanceId id,
    int number,
    String name,
    String hostname,
    String description,
    String projectId,
    String userId,
    FlavorSpec flavor,
    ImageSpec image,
    String keyName,
    String keyPublic,
    Map<String, String> metadata,
    List<InjectedFile> personality,
    boolean configDrive,
    List<String> securityGroups,
    List<RequestedNetwork> networks,
    String userData,
    String availabilityZone,
    String hostHint,
    String nodeHint,
    String reservationId,
    int launchIndex,
    String adminPass,
    Map<String, List<String>> schedulerHints,
    String diskConfig,
    String accessIPv4,
    String accessIPv6,
    List<String> tags,
    List<String> trustedImageCertificates,
    ServerGroupRef serverGroup,
    String rootDeviceName,
    Instant requestedAt) {
  @Override
  public String toString() {
    return "InstanceSpec[" + id + " " + name + " of " + projectId + "]";
  }
}
