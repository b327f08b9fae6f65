/** Glance v2 over HTTP: documents and routes; the rules are {@code image}'s. */
package org.kilonova.api.image;
