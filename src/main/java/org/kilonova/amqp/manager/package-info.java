/**
 * Our own services on the bus: what classic peers call {@code scheduler}, {@code compute}, {@code
 * network} and {@code volume}, in all their releases' versions, over the same ports and entities as
 * the HTTP API.
 *
 * <p>Who may publish on the broker is trusted as the classic services trust each other: what a
 * message says of a user, a project and roles is believed, as is its flavor, key or host. A broker
 * is therefore as worth guarding as the database. What changes anything needs a context with a
 * project, though: a service that has lost its user must not act for nobody.
 */
package org.kilonova.amqp.manager;
