package org.kilonova.instance;

/** What {@code PUT /servers/{id}} can change. Complete values, not a patch. */
public record InstanceDetails(
    String name,
    String description,
    String hostname,
    String accessIPv4,
    String accessIPv6,
    String diskConfig) {
  public static InstanceDetails of(Instance i) {
    return new InstanceDetails(
        i.name(), i.description(), i.hostname(), i.accessIPv4(), i.accessIPv6(), i.diskConfig());
  }
}
