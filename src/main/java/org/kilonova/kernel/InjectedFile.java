package org.kilonova.kernel;

/**
 * A file that the request injects (personality).
 *
 * @param path absolute path in the guest
 * @param contents base64
 */
public record InjectedFile(String path, String contents) {}
