package org.kilonova.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.catalog.KeyCrypto.PublicKey;
import org.kilonova.catalog.KeyPair.Type;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class SqlKeyPairsIT {
  private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
  private static final PublicKey KEY = new PublicKey(Type.SSH, "ssh-rsa AAAA me", "aa:bb");

  private final SqlKeyPairs keyPairs;
  private final String user = UUID.randomUUID().toString();

  SqlKeyPairsIT(Database database) {
    this.keyPairs = new SqlKeyPairs(database, () -> NOW);
  }

  private List<String> names(String marker, int limit) {
    return keyPairs.list(user, marker, limit).stream().map(KeyPair::name).toList();
  }

  @Test
  void aKeyPairIsItsUsersOwn() {
    KeyPair created = keyPairs.create(user, "k", KEY, -1);
    keyPairs.create("another", "k-" + user, KEY, -1);

    assertThat(created)
        .isEqualTo(
            new KeyPair(created.number(), user, "k", Type.SSH, "ssh-rsa AAAA me", "aa:bb", NOW));
    assertThat(keyPairs.find(user, "k")).contains(created);
    assertThat(keyPairs.find("another", "k")).isEmpty();
    assertThat(names(null, 10)).containsExactly("k");
  }

  @Test
  void aNameIsTakenOnce() {
    keyPairs.create(user, "k", KEY, -1);
    assertThatThrownBy(() -> keyPairs.create(user, "k", KEY, -1))
        .hasMessage("Key pair 'k' already exists.");
  }

  @Test
  void pagesAreSortedByName() {
    List.of("b", "a", "C", "d").forEach(name -> keyPairs.create(user, name, KEY, -1));
    assertThat(names(null, 3)).containsExactly("C", "a", "b");
    assertThat(names("b", 3)).containsExactly("d");
    assertThatThrownBy(() -> names("zz", 3)).hasMessage("marker [zz] not found");
  }

  @Test
  void aDeletedKeyPairIsGone() {
    keyPairs.create(user, "k", KEY, -1);
    keyPairs.delete(user, "k");
    assertThat(keyPairs.find(user, "k")).isEmpty();
    assertThatThrownBy(() -> keyPairs.delete(user, "k"))
        .hasMessage("Keypair k not found for user " + user);
  }

  @Test
  void theLimitHoldsAgainstConcurrentCreates() throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<Boolean>> creates =
          IntStream.range(0, 12)
              .<Callable<Boolean>>mapToObj(
                  i ->
                      () -> {
                        try {
                          keyPairs.create(user, "k" + i, KEY, 5);
                          return true;
                        } catch (CatalogException e) {
                          assertThat(e).hasMessage("Quota exceeded, too many key pairs.");
                          return false;
                        }
                      })
              .toList();
      int created = 0;
      for (var done : threads.invokeAll(creates)) {
        created += done.get() ? 1 : 0;
      }
      assertThat(created).isEqualTo(5);
    }
  }
}
