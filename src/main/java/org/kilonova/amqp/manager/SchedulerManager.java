package org.kilonova.amqp.manager;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.atomic.LongAdder;
import java.util.stream.Stream;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.service.TryAgainException;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.HostDirectory.Known;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.Resources;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.scheduler.SchedulerProtocol.Answer;
import org.kilonova.scheduler.SchedulerProtocol.Candidate;
import org.kilonova.scheduler.SchedulerProtocol.HostsSelected;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/**
 * Topic {@code scheduler}, as {@code nova-scheduler} of Diablo to today: {@code
 * nova/scheduler/manager.py}.
 */
public final class SchedulerManager implements Manager {
  private final OwnManagers.Ports ports;
  private final OwnMethods others;
  private final LongAdder capabilityReports = new LongAdder();

  SchedulerManager(OwnManagers.Ports ports, OwnMethods others) {
    this.ports = ports;
    this.others = others;
  }

  @Override
  public String topic() {
    return "scheduler";
  }

  /** The last of each major version: Folsom's development, Havana, Juno, Queens to today. */
  @Override
  public List<String> versions() {
    return List.of("1.7", "2.9", "3.1", "4.5");
  }

  // ---- booting ---------------------------------------------------------------------------------

  /**
   * Boots the instances of a {@code request_spec}, through the same entities as the HTTP API.
   * Returns when all are durable; done again it changes nothing. See {@link BootMessage} for what
   * makes two messages the same.
   *
   * @return what Essex, which calls this, expects: a dict for each instance
   */
  @Rpc("run_instance")
  public Object runInstance(RpcCall call) {
    return Refusals.translated(
        () -> {
          BootMessage message = BootMessage.read(call, null);
          List<InstanceSpec> made =
              ports
                  .boots()
                  .create(
                      message.ids(), message.request(), message.caller(), Requests.action(call));
          return message.ids().stream().map(id -> encoded(id, made)).toList();
        });
  }

  private static Map<String, Object> encoded(InstanceId id, List<InstanceSpec> made) {
    Map<String, Object> instance = new LinkedHashMap<>();
    made.stream()
        .filter(spec -> spec.id().equals(id))
        .findFirst()
        .ifPresent(spec -> instance.put("id", spec.number()));
    instance.put("uuid", id.toString());
    instance.put("_is_precooked", false);
    return instance;
  }

  /** Volumes come with a later capability. */
  @Rpc("create_volume")
  public Object createVolume(RpcCall call) {
    throw Refusals.notYet("Volumes");
  }

  // ---- choosing --------------------------------------------------------------------------------

  /**
   * Hosts for instances, chosen by the scheduler's driver that boots use, too. Each counts against
   * its host for as long as a boot's would that is not claimed.
   *
   * @return for each instance a dict of {@code host}, {@code nodename}, {@code limits} and, beyond
   *     Nova, {@code explanation}; or with {@code return_objects} a list of {@code Selection}
   *     objects, the alternates after the first
   * @throws RpcException {@code NoValidHost} with the explanation if one finds none
   */
  @Rpc(value = "select_destinations", since = "2.7")
  public Object selectDestinations(RpcCall call) {
    List<HostsSelected> selected = select(call);
    if (!Boolean.TRUE.equals(call.args().get("return_objects"))) {
      return selected.stream().map(SchedulerManager::destination).toList();
    }
    boolean alternates = Boolean.TRUE.equals(call.args().get("return_alternates"));
    return Refusals.translated(
        () ->
            selected.stream()
                .map(
                    answer ->
                        Stream.concat(
                                Stream.of(answer.chosen()),
                                alternates ? answer.alternates().stream() : Stream.empty())
                            .map(this::selection)
                            .toList())
                .toList());
  }

  /** Grizzly's: the hosts' names alone. */
  @Rpc(value = "select_hosts", since = "2.6")
  public Object selectHosts(RpcCall call) {
    return select(call).stream().map(answer -> answer.chosen().host().name()).toList();
  }

  private List<HostsSelected> select(RpcCall call) {
    Map<String, Object> args = Dicts.map(call.args());
    Map<String, Object> spec =
        Dicts.map(args.get("spec_obj") != null ? args.get("spec_obj") : args.get("request_spec"));
    Map<String, Object> filters = Dicts.map(args.get("filter_properties"));
    List<Object> uuids =
        args.get("instance_uuids") != null
            ? Dicts.list(args.get("instance_uuids"))
            : Dicts.list(spec.get("instance_uuids"));
    if (uuids.isEmpty() && spec.get("instance_uuid") != null) {
      uuids = List.of(spec.get("instance_uuid"));
    }
    long count = uuids.isEmpty() ? Dicts.number(spec, 1, "num_instances") : uuids.size();
    List<HostsSelected> selected = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      InstanceId id =
          uuids.isEmpty() ? InstanceId.random() : InstanceRef.uuid(String.valueOf(uuids.get(i)));
      selected.add(select(request(call, id, args, spec, filters)));
    }
    return selected;
  }

  private HostsSelected select(RequestSpec request) {
    Answer answer =
        Refusals.translated(() -> ports.scheduler().apply(request).toCompletableFuture().join());
    return switch (answer) {
      case HostsSelected hosts -> hosts;
      case NoValidHost none -> {
        String message = "No valid host was found. " + none.explanation();
        throw new RpcException(
            "nova.exception",
            "NoValidHost",
            message,
            Map.of("reason", none.explanation(), "code", 500),
            List.of());
      }
      case NotReady notYet ->
          throw new TryAgainException("The scheduler has just started; ask again.", null);
    };
  }

  private static RequestSpec request(
      RpcCall call,
      InstanceId id,
      Map<String, Object> args,
      Map<String, Object> spec,
      Map<String, Object> filters) {
    Map<String, Object> instance = new LinkedHashMap<>(spec);
    instance.putAll(Dicts.map(spec.get("instance_properties")));
    String zone = Dicts.text(instance, "availability_zone");
    String project = Dicts.text(instance, "project_id");
    FlavorSpec flavor = BootMessage.flavor(spec, instance);
    if (flavor == null) {
      throw RpcException.nova(
          "FlavorNotFound", "The request has no instance_type with memory_mb and vcpus.");
    }
    return new RequestSpec(
        id,
        Attempt.FIRST,
        project == null ? call.context().projectId() : project,
        flavor,
        image(args, spec, instance),
        zone,
        first(filters, spec, "force_hosts", "host"),
        first(filters, spec, "force_nodes", "node"),
        BootMessage.hints(spec, filters),
        group(Dicts.map(spec.get("instance_group"))),
        excluded(spec, filters),
        call.context().requestId());
  }

  /** Forced; or the one that an administrator asked for, of a RequestSpec object. */
  private static String first(
      Map<String, Object> filters, Map<String, Object> spec, String forced, String ofDestination) {
    return Stream.of(filters.get(forced), spec.get(forced))
        .flatMap(hosts -> Dicts.list(hosts).stream())
        .map(String::valueOf)
        .findFirst()
        .orElseGet(() -> Dicts.text(Dicts.map(spec.get("requested_destination")), ofDestination));
  }

  /** What filters look at; null without one. */
  private static ImageSpec image(
      Map<String, Object> args, Map<String, Object> spec, Map<String, Object> instance) {
    Map<String, Object> image =
        spec.get("image") instanceof Map<?, ?> ? Dicts.map(spec.get("image")) : Map.of();
    if (image.get("id") == null && Dicts.text(instance, "image_ref") == null) {
      return null;
    }
    return new ImageSpec(
        BootMessage.imageId(args, spec, instance),
        Dicts.text(image, "name"),
        Dicts.text(image, "disk_format"),
        Dicts.text(image, "container_format"),
        null,
        Dicts.number(image, 0, "size"),
        (int) Dicts.number(image, 0, "min_disk"),
        (int) Dicts.number(image, 0, "min_ram"),
        null,
        null,
        Dicts.texts(image.get("properties")));
  }

  private static ServerGroupRef group(Map<String, Object> group) {
    String policy =
        Stream.concat(
                Stream.ofNullable(group.get("policy")), Dicts.list(group.get("policies")).stream())
            .map(String::valueOf)
            .findFirst()
            .orElse(null);
    return group.get("uuid") == null || policy == null
        ? null
        : new ServerGroupRef(group.get("uuid").toString(), policy, 1);
  }

  /** Those to be ignored, and those that were tried before. */
  private static Set<HostId> excluded(Map<String, Object> spec, Map<String, Object> filters) {
    Set<HostId> excluded = new HashSet<>();
    Stream.of(filters.get("ignore_hosts"), spec.get("ignore_hosts"))
        .flatMap(hosts -> Dicts.list(hosts).stream())
        .forEach(host -> excluded.add(new HostId(String.valueOf(host))));
    Stream.of(filters.get("retry"), spec.get("retry"))
        .flatMap(retry -> Dicts.list(Dicts.map(retry).get("hosts")).stream())
        .map(
            host ->
                host instanceof Map<?, ?>
                    ? Dicts.text(Dicts.map(host), "host")
                    : String.valueOf(Dicts.list(host).getFirst()))
        .forEach(host -> excluded.add(new HostId(host)));
    return excluded;
  }

  private static Map<String, Object> destination(HostsSelected answer) {
    Map<String, Object> destination = new LinkedHashMap<>();
    destination.put("host", answer.chosen().host().name());
    destination.put("nodename", answer.chosen().node());
    destination.put("limits", limits(answer.chosen().limit()));
    destination.put("explanation", answer.explanation());
    return destination;
  }

  private static Map<String, Object> limits(Resources limit) {
    Map<String, Object> limits = new LinkedHashMap<>();
    if (limit != null) {
      limits.put("vcpu", limit.vcpus());
      limits.put("memory_mb", limit.memoryMb());
      limits.put("disk_gb", limit.diskGb());
    }
    return limits;
  }

  /** {@code nova/objects/selection.py}, version 1.1. */
  private Map<String, Object> selection(Candidate host) {
    UUID node =
        ports
            .services()
            .find(host.host())
            .map(HostService::nodeUuid)
            .orElseThrow(
                () -> new TryAgainException("Host " + host.host() + " is not known yet.", null));
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("compute_node_uuid", node.toString());
    data.put("service_host", host.host().name());
    data.put("nodename", host.node());
    data.put("cell_uuid", new UUID(0, 0).toString());
    Map<String, Object> limits = limits(host.limit());
    limits.put("numa_topology", null);
    data.put("limits", object("SchedulerLimits", "1.0", limits));
    data.put("allocation_request", null);
    data.put("allocation_request_version", null);
    data.put("availability_zone", host.availabilityZone());
    return object("Selection", "1.1", data);
  }

  private static Map<String, Object> object(String name, String version, Map<String, Object> data) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("nova_object.name", name);
    object.put("nova_object.namespace", "nova");
    object.put("nova_object.version", version);
    object.put("nova_object.data", data);
    return object;
  }

  // ---- hosts -----------------------------------------------------------------------------------

  /**
   * A service's report of what its host can do, sent to all schedulers. It is counted and otherwise
   * left alone: hosts of this cloud report over the cluster, and choosing another one would be of
   * no use, as none could claim it.
   */
  @Rpc("update_service_capabilities")
  public void updateServiceCapabilities(RpcCall call) {
    capabilityReports.increment();
  }

  /** How many such reports came in. */
  long capabilityReports() {
    return capabilityReports.sum();
  }

  /** What a host has and what each project uses of it. */
  @Rpc("show_host_resources")
  public Object showHostResources(RpcCall call) {
    Known host = Hosts.known(ports.hosts(), call);
    Resources total = host.report().capabilities().total();
    Resources used = Resources.NONE;
    Map<String, Resources> projects = new LinkedHashMap<>();
    for (Allocation allocation : host.allocations().values()) {
      used = used.plus(allocation.resources());
      projects.merge(allocation.projectId(), allocation.resources(), Resources::plus);
    }
    Map<String, Object> resource = new LinkedHashMap<>();
    resource.put("vcpus", total.vcpus());
    resource.put("memory_mb", total.memoryMb());
    resource.put("local_gb", total.diskGb());
    resource.put("vcpus_used", used.vcpus());
    resource.put("memory_mb_used", used.memoryMb());
    resource.put("local_gb_used", used.diskGb());
    Map<String, Object> usage = new LinkedHashMap<>();
    projects.forEach(
        (project, r) ->
            usage.put(
                project,
                Map.of(
                    "vcpus",
                    r.vcpus(),
                    "memory_mb",
                    r.memoryMb(),
                    "root_gb",
                    r.diskGb(),
                    "ephemeral_gb",
                    0)));
    return Map.of("resource", resource, "usage", usage);
  }

  // ---- anything else ---------------------------------------------------------------------------

  /**
   * The generic {@code _schedule}: a method for a {@code topic}, which any server of that topic may
   * do, is done by ours.
   */
  @Override
  public Fallback fallback() {
    return call -> {
      Map<String, Object> args = new LinkedHashMap<>(call.args());
      args.remove("topic");
      return others.call(
          call.textOrNull("topic"),
          new RpcCall(
              call.context(), call.method(), args, call.version(), call.messageId(), null, false));
    };
  }
}
