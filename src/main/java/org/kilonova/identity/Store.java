package org.kilonova.identity;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** One kind of resource, by id. All methods block. */
public interface Store<T> {
  Optional<T> find(String id);

  /**
   * The resource.
   *
   * @throws IdentityException NOT_FOUND
   */
  T get(String id);

  /**
   * All that match, by name.
   *
   * @param filter attribute (its name in Keystone's query, e.g. {@code domain_id}) to wanted value;
   *     a name that the resource has no column for matches everything
   */
  List<T> list(Map<String, Object> filter);

  /**
   * Keeps a new one.
   *
   * @throws IdentityException CONFLICT if its name is taken, NOT_FOUND if what it refers to is not
   *     there
   */
  T create(T resource);

  /**
   * Changes one, with its row locked meanwhile; tokens that the change makes invalid are revoked.
   *
   * @throws IdentityException NOT_FOUND, CONFLICT, or what {@code change} throws
   */
  T update(String id, UnaryOperator<T> change);

  /**
   * Deletes one with all that belongs to it and revokes the tokens that name it.
   *
   * @throws IdentityException NOT_FOUND, or FORBIDDEN if it may not go yet
   */
  void delete(String id);
}
