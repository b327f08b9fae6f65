/**
 * Images: Glance v2's, with metadata in PostgreSQL and data in files. The ports are {@link
 * org.kilonova.image.ImageService} (what compute asks) and {@link org.kilonova.image.Images} (what
 * the image API does).
 */
package org.kilonova.image;
