package org.kilonova.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.kilonova.catalog.Flavors.Query;
import org.kilonova.catalog.Flavors.SortKey;
import org.kilonova.catalog.Flavors.Viewer;
import org.kilonova.persistence.Database;
import org.kilonova.testing.PostgresExtension;

@ExtendWith(PostgresExtension.class)
class SqlFlavorsIT {
  private static final Viewer ADMIN = new Viewer("p-admin", true);
  private static final Viewer P1 = new Viewer("p1", false);
  private static final Viewer P2 = new Viewer("p2", false);

  private final Database database;
  private final SqlFlavors flavors;

  SqlFlavorsIT(Database database) {
    this.database = database;
    this.flavors = new SqlFlavors(database, () -> Instant.parse("2026-11-21T12:00:00Z"));
  }

  @AfterEach
  void keepTheSeededOnly() {
    database.jdbi().useHandle(h -> h.execute("DELETE FROM flavor WHERE name NOT LIKE 'm1.%'"));
  }

  private static Flavor flavor(String id, String name, int memoryMb, boolean isPublic) {
    return new Flavor(id, name, null, 1, memoryMb, 1, 0, 0, 1.0, isPublic, new TreeMap<>());
  }

  private List<String> ids(Viewer viewer, Boolean isPublic) {
    return ids(new Query(viewer, isPublic, 0, 0, SortKey.FLAVORID, false, null, 1000));
  }

  private List<String> ids(Query query) {
    return flavors.list(query).stream().map(Flavor::id).toList();
  }

  @Test
  void thereAreFlavorsFromTheStart() {
    assertThat(flavors.list(new Query(P1, true, 0, 0, SortKey.FLAVORID, false, null, 1000)))
        .extracting(Flavor::name)
        .containsExactly("m1.tiny", "m1.small", "m1.medium", "m1.large");
  }

  @Test
  void aPrivateFlavorIsSeenByAdministratorsAndThoseWithAccessOnly() {
    flavors.create(flavor("secret", "secret", 64, false));
    flavors.addAccess("secret", "p1");

    assertThat(flavors.find("secret", P1)).isPresent();
    assertThat(flavors.find("secret", P2)).isEmpty();
    assertThat(flavors.find("secret", ADMIN)).isPresent();
    assertThat(ids(P1, true)).contains("secret", "1");
    assertThat(ids(P2, true)).doesNotContain("secret");
    assertThat(ids(ADMIN, true)).doesNotContain("secret");
    assertThat(ids(ADMIN, false)).containsExactly("secret");
    assertThat(ids(ADMIN, null)).contains("secret", "1");

    flavors.removeAccess("secret", "p1");
    assertThat(flavors.find("secret", P1)).isEmpty();
  }

  @Test
  void accessIsGivenAndTakenOnce() {
    flavors.create(flavor("secret", "secret", 64, false));
    flavors.addAccess("secret", "p1");

    assertThatThrownBy(() -> flavors.addAccess("secret", "p1"))
        .hasMessage("Flavor access already exists for flavor secret and project p1 combination.");
    assertThatThrownBy(() -> flavors.removeAccess("secret", "p2"))
        .hasMessage("Flavor access not found for secret / p2 combination.");
    assertThatThrownBy(() -> flavors.addAccess("none", "p1"))
        .hasMessage("Flavor none could not be found.");
    assertThat(flavors.access("secret")).containsExactly("p1");
  }

  @Test
  void pagesFollowTheSortOrder() {
    Query first = new Query(ADMIN, true, 0, 0, SortKey.MEMORY_MB, true, null, 2);
    assertThat(ids(first)).containsExactly("4", "3");
    assertThat(ids(new Query(ADMIN, true, 0, 0, SortKey.MEMORY_MB, true, "3", 2)))
        .containsExactly("2", "1");
    assertThatThrownBy(() -> ids(new Query(ADMIN, true, 0, 0, SortKey.MEMORY_MB, true, "nope", 2)))
        .hasMessage("marker [nope] not found");
  }

  @Test
  void minimaFilter() {
    assertThat(ids(new Query(P1, true, 512, 0, SortKey.NAME, false, null, 10)))
        .containsExactly("4", "3", "2");
    assertThat(ids(new Query(P1, true, 0, 40, SortKey.NAME, false, null, 10))).containsExactly("4");
  }

  @Test
  void idAndNameAreUnique() {
    assertThatThrownBy(() -> flavors.create(flavor("1", "other", 64, true)))
        .hasMessage("Flavor with ID 1 already exists.");
    assertThatThrownBy(() -> flavors.create(flavor("other", "m1.tiny", 64, true)))
        .hasMessage("Flavor with name m1.tiny already exists.");
  }

  @Test
  void ofConcurrentCreatesOfOneNameOneSucceeds() throws Exception {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Callable<Boolean>> creates =
          List.of("a", "b", "c", "d", "e", "f").stream()
              .<Callable<Boolean>>map(
                  id ->
                      () -> {
                        try {
                          flavors.create(flavor(id, "same", 64, true));
                          return true;
                        } catch (CatalogException e) {
                          assertThat(e.kind()).isEqualTo(CatalogException.Kind.CONFLICT);
                          return false;
                        }
                      })
              .toList();
      int created = 0;
      for (var done : threads.invokeAll(creates)) {
        created += done.get() ? 1 : 0;
      }
      assertThat(created).isEqualTo(1);
    }
  }

  @Test
  void extraSpecsAreMergedAndRemovedByKey() {
    flavors.create(flavor("f", "f", 64, true));
    flavors.putExtraSpecs("f", Map.of("a", "1", "b", "2"));
    flavors.putExtraSpecs("f", Map.of("b", "3"));
    assertThat(flavors.find("f", P1).orElseThrow().extraSpecs())
        .isEqualTo(Map.of("a", "1", "b", "3"));

    flavors.deleteExtraSpec("f", "a");
    assertThat(flavors.find("f", P1).orElseThrow().extraSpecs()).isEqualTo(Map.of("b", "3"));
    assertThatThrownBy(() -> flavors.deleteExtraSpec("f", "a"))
        .hasMessage("Flavor f has no extra specs with key a.");
  }

  @Test
  void aDeletedFlavorIsGoneAndItsNameFree() {
    flavors.create(flavor("f", "f", 64, false));
    flavors.addAccess("f", "p1");
    flavors.delete("f");

    assertThat(flavors.find("f", ADMIN)).isEmpty();
    assertThatThrownBy(() -> flavors.delete("f")).hasMessage("Flavor f could not be found.");
    flavors.create(flavor("f", "f", 64, false));
    assertThat(flavors.access("f")).isEmpty();
  }

  @Test
  void onlyTheDescriptionChanges() {
    Flavor before = flavors.create(flavor("f", "f", 64, true));
    Flavor after = flavors.describe("f", "text");
    assertThat(after.description()).isEqualTo("text");
    assertThat(after).usingRecursiveComparison().ignoringFields("description").isEqualTo(before);
  }
}
