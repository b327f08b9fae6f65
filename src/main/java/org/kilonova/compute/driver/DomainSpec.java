package org.kilonova.compute.driver;

import java.util.List;
import java.util.Map;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Nic;

/**
 * Everything that a driver needs to make a domain.
 *
 * @param number the domain's name is {@code instance-%08x} of it
 * @param cloudId goes into the domain's metadata; a domain is ours only if it matches
 * @param host likewise
 * @param image root image; its kernelId/ramdiskId make it a three-part boot
 * @param configDrive whether a config drive was demanded
 * @param keyPublic ssh public key to inject, or null
 * @param userData base64, or null
 * @param adminPass may be null; never logged
 * @param serverGroup id of the server group, or null (kept in the metadata, for the scheduler)
 */
public record DomainSpec(
    InstanceId id,
    Attempt attempt,
    int number,
    String cloudId,
    HostId host,
    String displayName,
    String hostname,
    String projectId,
    String userId,
    FlavorSpec flavor,
    ImageSpec image,
    List<Nic> nics,
    boolean configDrive,
    String keyName,
    String keyPublic,
    String userData,
    String adminPass,
    List<InjectedFile> files,
    Map<String, String> metadata,
    String availabilityZone,
    String serverGroup) {
  /** The domain's name, by Nova's default template. */
  public String domainName() {
    return "instance-%08x".formatted(number);
  }

  @Override
  public String toString() {
    return "DomainSpec[" + id + " attempt " + attempt + " " + domainName() + " on " + host + "]";
  }
}
