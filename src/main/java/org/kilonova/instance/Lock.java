package org.kilonova.instance;

/**
 * Who locked the instance.
 *
 * @param by {@code admin} or {@code owner}, as in Nova
 * @param reason may be null (2.73)
 */
public record Lock(String by, String reason) {}
