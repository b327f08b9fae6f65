/**
 * What administrators and users keep in tables and instances are made of or placed by: flavors, key
 * pairs, server groups, aggregates, compute services, quota limits. Ports are interfaces; the
 * {@code Sql…} classes keep them in PostgreSQL. All of them block.
 */
package org.kilonova.catalog;
