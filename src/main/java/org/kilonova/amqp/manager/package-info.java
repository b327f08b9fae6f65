/** Managers: what our topics answer. */
package org.kilonova.amqp.manager;
