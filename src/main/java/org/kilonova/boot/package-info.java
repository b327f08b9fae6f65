/**
 * The way from "give me a server" to the instance's entity, whoever asks: the HTTP API or the bus.
 * Knows the ports that a boot needs, and no format of a request.
 */
package org.kilonova.boot;
