package org.kilonova.identity;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.persistence.JsonColumn;

/** Application credentials. The methods are {@link Directory}'s. */
final class SqlApplicationCredentials {
  private final Jdbi jdbi;
  private final SqlRevocations revocations;

  SqlApplicationCredentials(Jdbi jdbi, SqlRevocations revocations) {
    this.jdbi = jdbi;
    this.revocations = revocations;
  }

  List<ApplicationCredential> list(String userId, String name) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT * FROM identity_application_credential WHERE user_id = :user"
                        + " AND (CAST(:name AS text) IS NULL OR name = :name) ORDER BY name")
                .bind("user", userId)
                .bind("name", name)
                .map((rs, ctx) -> credential(rs))
                .list());
  }

  Optional<ApplicationCredential> find(String id) {
    return jdbi.withHandle(
        h ->
            h.createQuery("SELECT * FROM identity_application_credential WHERE id = :id")
                .bind("id", id)
                .map((rs, ctx) -> credential(rs))
                .findOne());
  }

  Optional<String> secretHash(String id) {
    return jdbi.withHandle(
        h ->
            h.createQuery("SELECT secret_hash FROM identity_application_credential WHERE id = :id")
                .bind("id", id)
                .mapTo(String.class)
                .findOne());
  }

  void create(ApplicationCredential c, String secretHash) {
    int kept =
        jdbi.withHandle(
            h ->
                h.execute(
                    """
                    INSERT INTO identity_application_credential
                      (id, user_id, project_id, name, description, secret_hash, role_ids,
                       expires_at, unrestricted)
                    VALUES (?, ?, ?, ?, ?, ?, CAST(? AS jsonb), ?, ?)
                    ON CONFLICT (user_id, name) DO NOTHING
                    """,
                    c.id(),
                    c.userId(),
                    c.projectId(),
                    c.name(),
                    c.description(),
                    secretHash,
                    JsonColumn.write(c.roleIds()),
                    c.expiresAt() == null ? null : c.expiresAt().atOffset(ZoneOffset.UTC),
                    c.unrestricted()));
    if (kept == 0) {
      throw IdentityException.duplicate(
          "application_credential",
          "Duplicate entry found with name " + c.name() + " for user ID " + c.userId());
    }
  }

  void delete(String id) {
    revocations.useTransaction(
        (h, ended) -> {
          if (h.execute("DELETE FROM identity_application_credential WHERE id = ?", id) == 0) {
            throw IdentityException.notFound("Application Credential", id);
          }
          ended.add(Subjects.applicationCredential(id));
        });
  }

  private static ApplicationCredential credential(ResultSet rs) throws SQLException {
    OffsetDateTime expires = rs.getObject("expires_at", OffsetDateTime.class);
    return new ApplicationCredential(
        rs.getString("id"),
        rs.getString("user_id"),
        rs.getString("project_id"),
        rs.getString("name"),
        rs.getString("description"),
        SqlStore.strings(rs, "role_ids"),
        expires == null ? null : expires.toInstant(),
        rs.getBoolean("unrestricted"));
  }
}
