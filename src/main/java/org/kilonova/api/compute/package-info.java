/**
 * The compute API (Nova 2.1 to 2.93) but for servers: one class for each resource, which adds its
 * routes to a mount. Rules, status codes and texts are those of {@code nova/api/openstack/compute}.
 */
package org.kilonova.api.compute;
