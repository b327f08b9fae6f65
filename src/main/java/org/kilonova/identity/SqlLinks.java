package org.kilonova.identity;

import org.jdbi.v3.core.Jdbi;

/** A table that says which resources belong to which others, and nothing more. */
final class SqlLinks {
  private final Jdbi jdbi;
  private final SqlRevocations revocations;
  private final String table;
  private final String from;
  private final String to;

  /**
   * Of such a table.
   *
   * @param from its column with the one resource's id
   * @param to its column with the other's
   */
  SqlLinks(Jdbi jdbi, SqlRevocations revocations, String table, String from, String to) {
    this.jdbi = jdbi;
    this.revocations = revocations;
    this.table = table;
    this.from = from;
    this.to = to;
  }

  boolean contains(String fromId, String toId) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    "SELECT EXISTS (SELECT 1 FROM %s WHERE %s = :from AND %s = :to)"
                        .formatted(table, from, to))
                .bind("from", fromId)
                .bind("to", toId)
                .mapTo(Boolean.class)
                .one());
  }

  /** Done already is done. */
  void add(String fromId, String toId) {
    jdbi.useHandle(
        h ->
            h.execute(
                "INSERT INTO %s (%s, %s) VALUES (?, ?) ON CONFLICT DO NOTHING"
                    .formatted(table, from, to),
                fromId,
                toId));
  }

  /**
   * Removes a link.
   *
   * @param ended the subject whose tokens end with it
   * @param notThere the text of the error if there is no such link
   */
  void remove(String fromId, String toId, String ended, String notThere) {
    revocations.useTransaction(
        (h, subjects) -> {
          int gone =
              h.execute(
                  "DELETE FROM %s WHERE %s = ? AND %s = ?".formatted(table, from, to),
                  fromId,
                  toId);
          if (gone == 0) {
            throw new IdentityException(IdentityException.Kind.NOT_FOUND, notThere);
          }
          subjects.add(ended);
        });
  }
}
