/**
 * The vocabulary of the whole system: identifiers, resources, faults, the clock. Nothing here knows
 * Akka, SQL or HTTP, and nothing here does I/O.
 */
package org.kilonova.kernel;
