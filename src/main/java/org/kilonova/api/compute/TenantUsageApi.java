package org.kilonova.api.compute;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.format.DateTimeParseException;
import java.time.temporal.ChronoField;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.api.http.Json;
import org.kilonova.api.http.Method;
import org.kilonova.api.http.Mount;
import org.kilonova.api.http.Reply;
import org.kilonova.instance.Instance;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.readmodel.InstanceQueries.MarkerNotFoundException;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.readmodel.UsageQueries;

/**
 * {@code /os-simple-tenant-usage}: for how long a project's servers were there in a period, and
 * what they had meanwhile, running or stopped, as Nova's {@code simple_tenant_usage.py} counts it.
 * All projects' for administrators, its own for each.
 */
public final class TenantUsageApi {
  /** Python's {@code %Y-%m-%dT%H:%M:%S}, the same with {@code .%f}, and that without the T. */
  private static final List<DateTimeFormatter> FORMATS =
      List.of(
          DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HH:mm:ss"),
          withFraction("uuuu-MM-dd'T'HH:mm:ss"),
          withFraction("uuuu-MM-dd HH:mm:ss"));

  private final UsageQueries usage;
  private final InstantSource clock;

  public TenantUsageApi(UsageQueries usage, InstantSource clock) {
    this.usage = usage;
    this.clock = clock;
  }

  private static DateTimeFormatter withFraction(String pattern) {
    return new DateTimeFormatterBuilder()
        .appendPattern(pattern)
        .appendFraction(ChronoField.NANO_OF_SECOND, 1, 6, true)
        .toFormatter();
  }

  /** Adds the routes. */
  public void routes(Mount mount) {
    mount.route(Method.GET, "/os-simple-tenant-usage").admin().to(this::list);
    mount.route(Method.GET, "/os-simple-tenant-usage/{id}").to(this::show);
  }

  private Reply list(Call call) {
    Queries.closed(call, "start", "end", "detailed", "limit", "marker");
    boolean detailed = call.query("detailed").orElse("0").equals("1");
    ObjectNode document = Json.object();
    ArrayNode usages = document.putArray("tenant_usages");
    summaries(call, null, detailed, document, "tenant_usages_links").forEach(usages::add);
    return Reply.json(200, document);
  }

  private Reply show(Call call) {
    Queries.closed(call, "start", "end", "limit", "marker");
    String project = call.path("id");
    if (!call.caller().isAdmin() && !project.equals(call.caller().projectId())) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:os-simple-tenant-usage:show to be performed.");
    }
    ObjectNode document = Json.object();
    ObjectNode links = Json.object();
    document.set(
        "tenant_usage",
        summaries(call, project, true, links, "tenant_usage_links").stream()
            .findFirst()
            .orElseGet(Json::object));
    document.setAll(links);
    return Reply.json(200, document);
  }

  // ---- counting --------------------------------------------------------------------------------

  /** What is asked for. */
  private record Period(Instant start, Instant stop, Instant now) {
    /** Only what lies in the period counts. */
    double hours(Instance i) {
      Instant from = i.launchedAt().isAfter(start) ? i.launchedAt() : start;
      Instant ended = i.terminatedAt();
      Instant to = ended != null && ended.isBefore(stop) ? ended : stop;
      return Math.max(0, Duration.between(from, to).toNanos()) / 3.6e12;
    }
  }

  /** Of one project. */
  private static final class Sum {
    private final List<ObjectNode> servers = new ArrayList<>();
    private double hours;
    private double localGb;
    private double vcpus;
    private double memoryMb;

    private void add(ObjectNode server, FlavorSpec flavor, double time) {
      servers.add(server);
      hours += time;
      localGb += (flavor.diskGb() + flavor.ephemeralGb()) * time;
      vcpus += flavor.vcpus() * time;
      memoryMb += flavor.memoryMb() * time;
    }
  }

  private List<ObjectNode> summaries(
      Call call, String project, boolean detailed, ObjectNode document, String links) {
    Period period = period(call);
    Page page = call.atLeast(40) ? Page.of(call) : Page.all(); // half a bill would be a wrong one
    List<InstanceRow> rows;
    try {
      rows = usage.launched(period.start(), period.stop(), project, page.marker(), page.limit());
    } catch (MarkerNotFoundException e) {
      throw ApiFault.badRequest(e.getMessage());
    }
    Map<String, Sum> sums = new LinkedHashMap<>();
    for (InstanceRow row : rows) {
      Instance i = row.state().instance();
      double hours = period.hours(i);
      sums.computeIfAbsent(i.spec().projectId(), p -> new Sum())
          .add(server(row.state(), hours, period.now()), i.spec().flavor(), hours);
    }
    if (call.atLeast(40)) {
      List<String> ids = rows.stream().map(r -> r.state().instance().id().toString()).toList();
      Links.next(document, links, call, page, ids);
    }
    List<ObjectNode> all = new ArrayList<>();
    sums.forEach((id, sum) -> all.add(summary(id, sum, period, detailed)));
    return all;
  }

  private static ObjectNode summary(String project, Sum sum, Period period, boolean detailed) {
    ObjectNode summary =
        Json.object()
            .put("tenant_id", project)
            .put("total_local_gb_usage", sum.localGb)
            .put("total_vcpus_usage", sum.vcpus)
            .put("total_memory_mb_usage", sum.memoryMb)
            .put("total_hours", sum.hours)
            .put("start", Values.time(period.start()))
            .put("stop", Values.time(period.stop()));
    if (detailed) {
      ArrayNode servers = summary.putArray("server_usages");
      sum.servers.forEach(servers::add);
    }
    return summary;
  }

  private static ObjectNode server(Present state, double hours, Instant now) {
    Instance i = state.instance();
    FlavorSpec flavor = i.spec().flavor();
    Instant ended = i.terminatedAt();
    return Json.object()
        .put("instance_id", i.id().toString())
        .put("name", i.name())
        .put("tenant_id", i.spec().projectId())
        .put("flavor", flavor.name())
        .put("hours", hours)
        .put("memory_mb", flavor.memoryMb())
        .put("local_gb", flavor.diskGb() + flavor.ephemeralGb())
        .put("vcpus", flavor.vcpus())
        .put("started_at", Values.time(i.launchedAt()))
        .put("ended_at", Values.time(ended))
        .put("state", ended == null ? state.vmState() : "terminated")
        .put("uptime", Duration.between(i.launchedAt(), ended == null ? now : ended).toSeconds());
  }

  // ---- the period ------------------------------------------------------------------------------

  /** Now, where nothing is said: which is the empty period that ends now if both are missing. */
  private Period period(Call call) {
    Instant now = clock.instant();
    Instant start = call.query("start").map(TenantUsageApi::time).orElse(now);
    Instant stop = call.query("end").map(TenantUsageApi::time).orElse(now.plusNanos(1_000));
    if (!start.isBefore(stop)) {
      throw ApiFault.badRequest(
          "Invalid start time. The start time cannot occur after the end time.");
    }
    return new Period(start, stop.isAfter(now) ? now : stop, now);
  }

  private static Instant time(String text) {
    for (DateTimeFormatter format : FORMATS) {
      try {
        return LocalDateTime.parse(text, format).toInstant(ZoneOffset.UTC);
      } catch (DateTimeParseException e) {
        // perhaps the next one
      }
    }
    throw ApiFault.badRequest("Invalid datetime string: Datetime is in invalid format");
  }
}
