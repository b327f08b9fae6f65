package org.kilonova.kernel;

import java.util.Map;

/**
 * An image as it was when the instance was created.
 *
 * @param id uuid in the image service
 * @param diskFormat raw, qcow2, ami, ari, aki, iso, ...
 * @param containerFormat bare, ami, ari, aki, ...
 * @param checksum of the root image; the base file in a host's cache is named by the image id and
 *     checked against it
 * @param sizeBytes size of the image's file
 * @param kernelId image id of the kernel of a three-part image, or null
 * @param ramdiskId image id of the ramdisk of a three-part image, or null
 * @param properties all other (custom) properties, e.g. hw_disk_bus, os_type, root_device_name
 */
public record ImageSpec(
    String id,
    String name,
    String diskFormat,
    String containerFormat,
    String checksum,
    long sizeBytes,
    int minDiskGb,
    int minRamMb,
    String kernelId,
    String ramdiskId,
    Map<String, String> properties) {}
