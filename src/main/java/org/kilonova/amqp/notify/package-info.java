/** Notifications: what the journal says, as the classic services tell it. */
package org.kilonova.amqp.notify;
