package org.kilonova.kernel;

import java.time.Instant;

/**
 * Why an instance is in ERROR, as {@code GET /servers/{id}} shows it under {@code fault}.
 *
 * @param code HTTP-like code, 500 for most, 400/404 for errors of the request that showed up late
 * @param message one line for the owner
 * @param details more, for administrators (and for owners when the code is not 500); may be null
 * @param created when it was recorded
 */
public record Fault(int code, String message, String details, Instant created) {}
