/**
 * Guests' displays in the browser: what {@code nova-novncproxy} and {@code nova-consoleauth} do. A
 * VNC server listens on its own host only; what is seen goes from there through the cluster to the
 * proxy in a controller, and by a websocket to noVNC in the browser.
 */
package org.kilonova.console;
