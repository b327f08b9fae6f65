/**
 * The benchmark behind {@code scripts/bench}: a load client for any endpoint that speaks Nova's
 * API, and the clock, the processor-time meter and the table that go with it. It shares its machine
 * with what it measures, so it is written to cost little: plain sockets, kept alive, and bodies
 * parsed only where a figure depends on them.
 */
package org.kilonova.bench;
