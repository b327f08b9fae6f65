package org.kilonova.image;

import java.time.Instant;

/**
 * A project that an image is shared with.
 *
 * @param status {@code pending}, {@code accepted} (it is in the project's lists) or {@code
 *     rejected}; it can be used in each case
 */
public record Member(
    String imageId, String memberId, String status, Instant createdAt, Instant updatedAt) {}
