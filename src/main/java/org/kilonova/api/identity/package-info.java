/** Keystone v3 over HTTP: documents, routes and policy; what they mean is {@code identity}'s. */
package org.kilonova.api.identity;
