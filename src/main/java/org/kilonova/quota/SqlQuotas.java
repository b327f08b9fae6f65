package org.kilonova.quota;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jdbi.v3.core.result.RowView;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.persistence.Database;
import org.kilonova.persistence.GroupCommit;
import org.kilonova.quota.QuotaPolicy.Scope;

/**
 * Quotas in PostgreSQL: a claim for each instance, and a row for each project with the sum of its
 * claims, which is locked while a claim is added. Every commit waits for the disk: were a claim
 * lost in a crash of the database after its reservation was answered, its instance could still come
 * to be, uncounted. See docs/adr/0005-quota-claims.md.
 */
public final class SqlQuotas implements Quotas {
  /**
   * How long after its {@code validUntil} a claim without an instance is kept: more than clocks
   * differ and than an event may be on its way into the journal.
   */
  public static final Duration LAPSE_MARGIN = Duration.ofMinutes(5);

  private static final int LAPSE_BATCH = 500;

  /** The instance of a claim exists if its journal or its row says so. */
  private static final String INSTANCE_EXISTS =
      """
      (EXISTS (SELECT FROM instance i WHERE i.uuid = c.instance_uuid)
       OR EXISTS (SELECT FROM event_journal e
                  WHERE e.persistence_id = 'Instance|' || c.instance_uuid::text))
      """;

  /** Deletes a claim (named c) and takes it off the sum, both or neither. */
  private static final String RELEASE =
      """
      WITH released AS (
        DELETE FROM quota_claim c WHERE c.instance_uuid = :id AND %s
        RETURNING c.project_id, c.cores, c.ram_mb)
      UPDATE quota_usage u
      SET instances = u.instances - 1, cores = u.cores - r.cores, ram_mb = u.ram_mb - r.ram_mb
      FROM released r WHERE u.project_id = r.project_id
      """;

  /** Requests of one transaction. */
  private static final int GROUP = 64;

  /** By project: nobody holds one project's lock while he waits for another's. */
  private final Map<String, GroupCommit<Claim, Answer>> reservations = new ConcurrentHashMap<>();

  private final Jdbi jdbi;
  private final Map<String, Integer> defaults;
  private final InstantSource clock;

  /**
   * @param defaults limits for projects that have none of their own, from {@link #defaults(Config)}
   */
  public SqlQuotas(Database database, Map<String, Integer> defaults, InstantSource clock) {
    this.jdbi = database.jdbi();
    this.defaults = Map.copyOf(defaults);
    this.clock = clock;
  }

  /**
   * Nova's defaults, overridden by what {@code kilonova.quota} sets: a key for each resource, -1 is
   * unlimited.
   *
   * @throws ConfigurationException for a resource that does not exist or a value that is no limit
   */
  public static Map<String, Integer> defaults(Config quota) {
    Map<String, Integer> limits = new LinkedHashMap<>(QuotaPolicy.NOVA_DEFAULTS);
    for (String resource : quota.root().keySet()) {
      String key = "kilonova.quota." + resource;
      if (!limits.containsKey(resource)) {
        throw new ConfigurationException(
            key, "no such resource; there are " + limits.keySet().stream().sorted().toList());
      }
      try {
        limits.put(resource, quota.getInt(resource));
      } catch (ConfigException e) {
        throw new ConfigurationException(key, "must be a whole number", e);
      }
      if (limits.get(resource) < QuotaPolicy.UNLIMITED) {
        throw new ConfigurationException(key, "must be 0 or more, or -1 for unlimited");
      }
    }
    return limits;
  }

  // ---------------------------------------------------------------------------------- claims

  /** What one request wants of its project. */
  private record Claim(String userId, UUID[] ids, int min, Resources each, Instant validUntil) {}

  /** The numbers of the granted ones, or why there are none. */
  private record Answer(List<Integer> numbers, QuotaExceededException refusal) {}

  @Override
  public List<Integer> reserveInstances(
      String projectId,
      String userId,
      List<InstanceId> ids,
      int min,
      Resources each,
      Instant validUntil) {
    UUID[] uuids = ids.stream().map(InstanceId::uuid).toArray(UUID[]::new);
    // The project's row is locked until the commit has reached the disk. Requests that come in the
    // meantime share the next transaction, or that would bound how many a second there can be.
    Answer answer =
        reservations
            .computeIfAbsent(
                projectId, project -> new GroupCommit<>(GROUP, claims -> reserve(project, claims)))
            .write(new Claim(userId, uuids, min, each, validUntil));
    if (answer.refusal() != null) {
      throw answer.refusal();
    }
    return answer.numbers();
  }

  private List<Answer> reserve(String projectId, List<Claim> claims) {
    return jdbi.inTransaction(
        handle -> {
          Limits limits =
              limits(handle, projectId, claims.stream().map(Claim::userId).distinct().toList());
          QuotaPolicy.Usage usage = lockUsage(handle, projectId);
          Map<String, QuotaPolicy.Usage> ofUsers = new HashMap<>();
          for (String limited : limits.ofUsers().keySet()) {
            ofUsers.put(limited, usage(handle, projectId, limited));
          }
          // Whoever has a claim already repeats its call, and gets the answer of the first one.
          Map<UUID, Integer> numbers =
              numbers(
                  handle, claims.stream().flatMap(c -> Stream.of(c.ids())).toArray(UUID[]::new));
          if (!numbers.isEmpty()) {
            claims.forEach(claim -> prolong(handle, claim));
          }
          Map<Claim, QuotaExceededException> refusals = new IdentityHashMap<>();
          List<Granted> granted = new ArrayList<>();
          for (Claim claim : claims) {
            if (Stream.of(claim.ids()).anyMatch(numbers::containsKey)) {
              continue;
            }
            try {
              List<Scope> scopes = new ArrayList<>();
              scopes.add(new Scope(limits.ofProject(), usage));
              if (ofUsers.containsKey(claim.userId())) {
                scopes.add(
                    new Scope(limits.ofUsers().get(claim.userId()), ofUsers.get(claim.userId())));
              }
              int count = QuotaPolicy.grant(scopes, claim.each(), claim.min(), claim.ids().length);
              usage = usage.plus(claim.each(), count);
              ofUsers.computeIfPresent(
                  claim.userId(), (user, used) -> used.plus(claim.each(), count));
              Stream.of(claim.ids())
                  .limit(count)
                  .forEach(id -> granted.add(new Granted(id, claim)));
            } catch (QuotaExceededException e) {
              refusals.put(claim, e);
            }
          }
          if (!granted.isEmpty()) {
            numbers.putAll(claim(handle, projectId, granted));
          }
          return claims.stream()
              .map(
                  claim ->
                      new Answer(
                          Stream.of(claim.ids())
                              .takeWhile(numbers::containsKey)
                              .map(numbers::get)
                              .toList(),
                          refusals.get(claim)))
              .toList();
        });
  }

  /** From here to the end of the transaction, no other reserves or releases for this project. */
  private static QuotaPolicy.Usage lockUsage(Handle handle, String projectId) {
    return findAndLockUsage(handle, projectId)
        .orElseGet(
            () -> {
              handle
                  .createUpdate(
                      "INSERT INTO quota_usage (project_id) VALUES (:project) ON CONFLICT DO NOTHING")
                  .bind("project", projectId)
                  .execute();
              return findAndLockUsage(handle, projectId).orElseThrow();
            });
  }

  private static Optional<QuotaPolicy.Usage> findAndLockUsage(Handle handle, String projectId) {
    return handle
        .createQuery(
            """
            SELECT instances, cores, ram_mb FROM quota_usage WHERE project_id = :project FOR UPDATE
            """)
        .bind("project", projectId)
        .map((row, context) -> usage(row))
        .findOne();
  }

  private static QuotaPolicy.Usage usage(ResultSet row) throws SQLException {
    return new QuotaPolicy.Usage(
        row.getInt("instances"), row.getInt("cores"), row.getLong("ram_mb"));
  }

  private static Map<UUID, Integer> number(Map<UUID, Integer> numbers, RowView row) {
    numbers.put(row.getColumn("instance_uuid", UUID.class), row.getColumn("number", Integer.class));
    return numbers;
  }

  private static Map<UUID, Integer> numbers(Handle handle, UUID[] uuids) {
    return handle
        .createQuery(
            "SELECT instance_uuid, number FROM quota_claim WHERE instance_uuid = ANY (:uuids)")
        .bindArray("uuids", UUID.class, (Object[]) uuids)
        .reduceRows(new LinkedHashMap<>(), SqlQuotas::number);
  }

  /**
   * Whose claims are there already will be asked for as late as this: a message that comes again
   * after minutes must not be accepted with a claim that lapses meanwhile.
   */
  private static void prolong(Handle handle, Claim claim) {
    handle
        .createUpdate(
            """
            UPDATE quota_claim SET valid_until = to_timestamp(:until)
            WHERE instance_uuid = ANY (:uuids) AND valid_until < to_timestamp(:until)
            """)
        .bind("until", claim.validUntil().toEpochMilli() / 1000.0)
        .bindArray("uuids", UUID.class, (Object[]) claim.ids())
        .execute();
  }

  private record Granted(UUID id, Claim claim) {}

  /** Adds the claims, and them to the sum. */
  private Map<UUID, Integer> claim(Handle handle, String projectId, List<Granted> granted) {
    return handle
        .createQuery(
            """
            WITH request AS (
              SELECT * FROM unnest(:uuids, :users, :cores, :ram, :until)
                WITH ORDINALITY AS r (uuid, user_id, cores, ram, until, position)),
            counted AS (
              UPDATE quota_usage SET
                instances = instances + (SELECT count(*) FROM request),
                cores = cores + (SELECT sum(cores) FROM request),
                ram_mb = ram_mb + (SELECT sum(ram) FROM request)
              WHERE project_id = :project)
            INSERT INTO quota_claim
              (instance_uuid, project_id, user_id, cores, ram_mb, created_at, valid_until)
            SELECT uuid, :project, user_id, cores, ram, :now, to_timestamp(until) FROM request
            ORDER BY position
            RETURNING instance_uuid, number
            """)
        .bind("project", projectId)
        .bindArray("uuids", UUID.class, granted.stream().map(Granted::id).toArray())
        .bindArray("users", String.class, granted.stream().map(g -> g.claim().userId()).toArray())
        .bindArray(
            "cores", Integer.class, granted.stream().map(g -> g.claim().each().vcpus()).toArray())
        .bindArray(
            "ram", Long.class, granted.stream().map(g -> g.claim().each().memoryMb()).toArray())
        .bindArray(
            "until",
            Double.class,
            granted.stream().map(g -> g.claim().validUntil().toEpochMilli() / 1000.0).toArray())
        .bind("now", clock.instant())
        .reduceRows(new LinkedHashMap<>(), SqlQuotas::number);
  }

  @Override
  public void releaseInstance(InstanceId id) {
    jdbi.useHandle(handle -> releaseInstance(handle, id));
  }

  /**
   * As {@link #releaseInstance(InstanceId)}, in the transaction of the caller: the projector
   * releases a deleted instance's claim with the offset that says that it did.
   */
  public void releaseInstance(Handle handle, InstanceId id) {
    handle.createUpdate(RELEASE.formatted("true")).bind("id", id.uuid()).execute();
  }

  /**
   * Ends the claims that nobody came for: those whose time is up (by {@link #LAPSE_MARGIN}) and
   * whose instance has neither a row nor an event. Each controller may run this as often as it
   * likes.
   *
   * @return how many claims it ended
   */
  public int lapse() {
    Instant due = clock.instant().minus(LAPSE_MARGIN);
    List<UUID> unconfirmed =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        """
                        SELECT instance_uuid FROM quota_claim
                        WHERE NOT confirmed AND valid_until < :due ORDER BY valid_until LIMIT :batch
                        """)
                    .bind("due", due)
                    .bind("batch", LAPSE_BATCH)
                    .mapTo(UUID.class)
                    .list());
    int lapsed = 0;
    // a transaction for each, so that no project's lock is held while another's is waited for
    for (UUID id : unconfirmed) {
      lapsed +=
          jdbi.inTransaction(
              handle -> {
                int confirmed =
                    handle
                        .createUpdate(
                            "UPDATE quota_claim c SET confirmed = TRUE WHERE instance_uuid = :id"
                                + " AND "
                                + INSTANCE_EXISTS)
                        .bind("id", id)
                        .execute();
                return confirmed > 0
                    ? 0
                    : handle
                        .createUpdate(RELEASE.formatted("NOT " + INSTANCE_EXISTS))
                        .bind("id", id)
                        .execute();
              });
    }
    return lapsed;
  }

  /**
   * Recounts a project for an operator: ends the claims of instances that are deleted, and makes
   * the sum that of the claims. Finds nothing to do unless somebody changed the tables by hand.
   *
   * @return whether anything was wrong
   */
  public boolean repair(String projectId) {
    return jdbi.inTransaction(
        handle -> {
          QuotaPolicy.Usage before = lockUsage(handle, projectId);
          handle
              .createUpdate(
                  """
                  DELETE FROM quota_claim WHERE instance_uuid IN (
                    SELECT c.instance_uuid FROM quota_claim c
                    JOIN instance i ON i.uuid = c.instance_uuid AND i.deleted
                    WHERE c.project_id = :project
                    FOR UPDATE OF c SKIP LOCKED) -- who has it locked is releasing it
                  """)
              .bind("project", projectId)
              .execute();
          QuotaPolicy.Usage after =
              handle
                  .createQuery(
                      """
                      UPDATE quota_usage SET (instances, cores, ram_mb) = (
                        SELECT count(*), coalesce(sum(c.cores), 0), coalesce(sum(c.ram_mb), 0)
                        FROM quota_claim c WHERE c.project_id = :project)
                      WHERE project_id = :project
                      RETURNING instances, cores, ram_mb
                      """)
                  .bind("project", projectId)
                  .map((row, context) -> usage(row))
                  .one();
          return !before.equals(after);
        });
  }

  // ---------------------------------------------------------------------------------- reading

  @Override
  public Map<String, Integer> limits(String projectId) {
    return jdbi.withHandle(handle -> limits(handle, projectId, List.of()).ofProject());
  }

  @Override
  public Map<String, Integer> limits(String projectId, String userId) {
    Limits limits = jdbi.withHandle(handle -> limits(handle, projectId, List.of(userId)));
    Map<String, Integer> least = new LinkedHashMap<>(limits.ofProject());
    limits
        .ofUsers()
        .getOrDefault(userId, Map.of())
        .forEach((resource, limit) -> least.merge(resource, limit, QuotaPolicy::least));
    return least;
  }

  /**
   * What limits a project.
   *
   * @param ofUsers what was set for users of it who have limits of their own
   */
  private record Limits(
      Map<String, Integer> ofProject, Map<String, Map<String, Integer>> ofUsers) {}

  private Limits limits(Handle handle, String projectId, List<String> users) {
    Limits limits = new Limits(new LinkedHashMap<>(defaults), new HashMap<>());
    handle
        .createQuery(
            """
            SELECT resource, hard_limit, 1 AS rank, NULL AS user_id FROM quota_class
            WHERE class_name = 'default'
            UNION ALL
            SELECT resource, hard_limit, 2, NULL FROM quota_limit WHERE project_id = :project
            UNION ALL
            SELECT resource, hard_limit, 3, user_id FROM quota_user_limit
            WHERE project_id = :project AND user_id = ANY (:users)
            ORDER BY rank
            """)
        .bind("project", projectId)
        .bindArray("users", String.class, users.toArray())
        .map(
            (row, context) -> {
              String user = row.getString("user_id");
              Map<String, Integer> of =
                  user == null
                      ? limits.ofProject()
                      : limits.ofUsers().computeIfAbsent(user, u -> new HashMap<>());
              return of.put(row.getString("resource"), row.getInt("hard_limit"));
            })
        .list();
    return limits;
  }

  @Override
  public Map<String, Integer> usage(String projectId) {
    QuotaPolicy.Usage usage =
        jdbi.withHandle(
            handle ->
                handle
                    .createQuery(
                        "SELECT instances, cores, ram_mb FROM quota_usage WHERE project_id = :project")
                    .bind("project", projectId)
                    .map((row, context) -> usage(row))
                    .findOne()
                    .orElse(QuotaPolicy.Usage.NONE));
    return byName(usage);
  }

  @Override
  public Map<String, Integer> usage(String projectId, String userId) {
    return byName(jdbi.withHandle(handle -> usage(handle, projectId, userId)));
  }

  /** Counted in the claims: there is no sum for each user, since few users have limits. */
  private static QuotaPolicy.Usage usage(Handle handle, String projectId, String userId) {
    return handle
        .createQuery(
            """
            SELECT count(*) AS instances, coalesce(sum(cores), 0) AS cores,
              coalesce(sum(ram_mb), 0) AS ram_mb
            FROM quota_claim WHERE project_id = :project AND user_id = :user
            """)
        .bind("project", projectId)
        .bind("user", userId)
        .map((row, context) -> usage(row))
        .one();
  }

  private static Map<String, Integer> byName(QuotaPolicy.Usage usage) {
    return Map.of(
        "instances",
        usage.instances(),
        "cores",
        usage.cores(),
        "ram",
        Math.toIntExact(usage.ramMb()));
  }
}
