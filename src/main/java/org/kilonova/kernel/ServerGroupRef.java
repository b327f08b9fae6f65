package org.kilonova.kernel;

/**
 * The server group that an instance is to join.
 *
 * @param policy affinity, anti-affinity, soft-affinity or soft-anti-affinity
 * @param maxServersPerHost rule of anti-affinity (2.64), 1 by default
 */
public record ServerGroupRef(String id, String policy, int maxServersPerHost) {}
