package org.kilonova.compute.driver;

import java.util.List;
import java.util.Map;
import org.kilonova.kernel.Resources;

/**
 * What a host has and can do; {@code os-hypervisors} shows it and filters match on it.
 *
 * @param total vcpus, memory and disk in all
 * @param hypervisorHostname node name
 * @param hypervisorType QEMU, KVM, fake
 * @param hypervisorVersion libvirt's number: major * 1,000,000 + minor * 1,000 + release
 * @param virtType kvm, qemu, fake: the domain type that guests get
 * @param architectures guest architectures, e.g. x86_64
 * @param cpuInfo document for {@code cpu_info}: vendor, model, arch, topology, features
 * @param hostIp address of the host
 */
public record HostCapabilities(
    Resources total,
    String hypervisorHostname,
    String hypervisorType,
    int hypervisorVersion,
    String virtType,
    List<String> architectures,
    Map<String, Object> cpuInfo,
    String hostIp) {}
