package org.kilonova.instance;

import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.kernel.Attempt;

/** Makes what a driver needs out of what an instance is. */
final class Domains {
  private Domains() {}

  static DomainSpec of(Instance i, Attempt attempt, String cloudId) {
    InstanceSpec spec = i.spec();
    return new DomainSpec(
        spec.id(),
        attempt,
        spec.number(),
        cloudId,
        i.placement().host(),
        i.name(),
        i.hostname(),
        spec.projectId(),
        spec.userId(),
        spec.flavor(),
        spec.image(),
        i.nics(),
        spec.configDrive(),
        spec.keyName(),
        spec.keyPublic(),
        spec.userData(),
        spec.adminPass(),
        spec.personality(),
        i.metadata(),
        i.placement().availabilityZone(),
        spec.serverGroup() == null ? null : spec.serverGroup().id());
  }
}
