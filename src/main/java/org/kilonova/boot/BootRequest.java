package org.kilonova.boot;

import java.util.List;
import java.util.Map;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.network.Networks.NetworkRequest;

/**
 * What is asked for, read into types. What others have to be asked about (does the image exist?) is
 * not checked yet.
 *
 * @param flavor as the one who asks knows it; null: it is looked up by {@code flavorId}
 * @param keyPublic the key, as the one who asks knows it; null: it is looked up by {@code keyName}
 * @param securityGroups names or ids, without duplicates; null or empty for the default
 * @param personality contents in base64
 * @param zone null if none was asked for
 * @param forcedHost of {@code zone:host:node}, or null: not asked whether it exists
 * @param forcedNode likewise
 * @param requestedHost a host that has to exist (2.74), or null
 * @param requestedNode likewise, by its hypervisor's name
 * @param adminPass null if one is to be generated
 * @param hints each value a list of texts
 * @param diskConfig null if not said
 * @param description may be null
 * @param trustedImageCertificates null if none
 * @param reservationId null if one is to be made
 * @param hostname null if it is to be made of the name
 */
public record BootRequest(
    String name,
    String imageId,
    String flavorId,
    FlavorSpec flavor,
    String keyName,
    String keyPublic,
    int minCount,
    int maxCount,
    Map<String, String> metadata,
    List<InjectedFile> personality,
    boolean configDrive,
    List<String> securityGroups,
    NetworkRequest networks,
    String userData,
    String zone,
    String forcedHost,
    String forcedNode,
    String requestedHost,
    String requestedNode,
    String adminPass,
    Map<String, List<String>> hints,
    String diskConfig,
    String accessIPv4,
    String accessIPv6,
    String description,
    List<String> tags,
    List<String> trustedImageCertificates,
    String hostname,
    String reservationId) {
  /** Names the server only: there is a password in it. */
  @Override
  public String toString() {
    return "BootRequest[" + name + "]";
  }
}
