/**
 * The classic frame of service, manager and driver: a service listens on a topic, its managers
 * answer the methods, a driver does the work and is named by the configuration. Knows formats, but
 * no broker.
 */
package org.kilonova.amqp.service;
