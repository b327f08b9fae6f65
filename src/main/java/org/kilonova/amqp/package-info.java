/**
 * The edge to the classic OpenStack bus: {@code wire} knows the formats, this package the broker,
 * {@code service} what a topic's methods are, {@code manager} has our own, {@code notify} tells the
 * bus what happened. No queue is ever on the way between our own processes.
 */
package org.kilonova.amqp;
