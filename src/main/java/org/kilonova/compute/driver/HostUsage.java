package org.kilonova.compute.driver;

/**
 * What is used of a host now.
 *
 * @param memoryUsedMb MiB in use on the host
 * @param diskUsedGb GiB in use on the file system of the guests' disks
 * @param diskAvailableGb GiB free there ({@code disk_available_least})
 * @param runningDomains number of running domains of anybody
 * @param uptime a line as uptime(1) prints it
 */
public record HostUsage(
    long memoryUsedMb, long diskUsedGb, long diskAvailableGb, int runningDomains, String uptime) {}
