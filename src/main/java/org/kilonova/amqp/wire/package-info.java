/**
 * The formats of the classic bus, three generations of them: pure functions between bytes and
 * records. No Akka, no broker.
 */
package org.kilonova.amqp.wire;
