/**
 * Who may do what: Keystone v3's domains, projects, users, groups, roles and tokens. The ports are
 * {@link org.kilonova.identity.Directory} (the resources), {@link org.kilonova.identity.Tokens} and
 * {@link org.kilonova.identity.ServiceTokens}; the embedded implementation keeps everything in
 * PostgreSQL.
 */
package org.kilonova.identity;
