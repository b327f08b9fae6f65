package org.kilonova.catalog;

import java.util.List;
import java.util.Optional;
import org.kilonova.catalog.KeyCrypto.PublicKey;

/** The users' key pairs. Blocks. */
public interface KeyPairs {
  Optional<KeyPair> find(String userId, String name);

  /**
   * A page, sorted by name.
   *
   * @param marker the list begins after this name; null for the beginning
   * @throws CatalogException INVALID if the user has no key pair of the marker's name
   */
  List<KeyPair> list(String userId, String marker, int limit);

  /**
   * Adds one.
   *
   * @param limit how many the user may have, -1 for any number
   * @throws CatalogException CONFLICT if the name is taken, OVER_QUOTA beyond the limit
   */
  KeyPair create(String userId, String name, PublicKey key, int limit);

  /**
   * Deletes it; servers that were booted with it keep the key.
   *
   * @throws CatalogException NOT_FOUND
   */
  void delete(String userId, String name);
}
