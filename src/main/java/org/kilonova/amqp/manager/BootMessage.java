package org.kilonova.amqp.manager;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.stream.IntStream;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.boot.BootRequest;
import org.kilonova.identity.Caller;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.OsloBool;
import org.kilonova.network.Networks.NetworkRequest;
import org.kilonova.network.Networks.RequestedNetwork;

/**
 * A {@code run_instance} or {@code build_and_run_instance} of any release, read into a boot.
 *
 * <p>Where the message has the instances' uuids (from Essex on) these are the entities' ids: the
 * same instance in two messages, or the same message twice, is one server. Where it has none, ids
 * are made of what it has, so that they are the same when it comes again: of the reservation and
 * the database's id of the instance; where one of these is missing, of the message's id too. (An
 * older sender that names neither cannot be told from one that wants two servers that are alike.)
 *
 * @param ids of the instances
 * @param caller who will own them
 */
record BootMessage(List<InstanceId> ids, BootRequest request, Caller caller) {

  /** What a row of the database's instances says of its flavor. */
  private static final List<String> FLAVOR_OF_INSTANCE =
      List.of("memory_mb", "vcpus", "root_gb", "local_gb", "ephemeral_gb", "instance_type_id");

  /**
   * Reads a message.
   *
   * @param host that is to have it, null for any
   * @throws RpcException if it cannot be understood, or wants what is not there yet
   */
  static BootMessage read(RpcCall call, String host) {
    Map<String, Object> args = Dicts.map(call.args());
    Map<String, Object> spec = Dicts.map(args.get("request_spec"));
    Map<String, Object> instance = instance(args, spec);
    Map<String, Object> filters = Dicts.map(args.get("filter_properties"));
    noVolumes(args, spec);
    Caller caller =
        Requests.caller(call.context(), Dicts.text(instance, "project_id", "tenant_id"));
    List<InstanceId> ids = ids(call, args, spec, instance, caller);
    String[] zone = zone(args, spec, instance);
    if (host != null) {
      zone[1] = host;
      zone[2] = null;
    } else {
      zone[1] = first(filters, spec, "force_hosts", zone[1]);
      zone[2] = first(filters, spec, "force_nodes", zone[2]);
    }
    return new BootMessage(ids, request(call, args, spec, instance, filters, zone, ids), caller);
  }

  private static BootRequest request(
      RpcCall call,
      Map<String, Object> args,
      Map<String, Object> spec,
      Map<String, Object> instance,
      Map<String, Object> filters,
      String[] zone,
      List<InstanceId> ids) {
    String name = Dicts.text(instance, "display_name", "name");
    return new BootRequest(
        name == null || name.isEmpty() ? "Server " + ids.getFirst() : name,
        imageId(args, spec, instance),
        flavorId(flavorDict(spec, instance)),
        flavor(spec, instance),
        Dicts.text(instance, "key_name"),
        Dicts.text(instance, "key_data"),
        ids.size(),
        ids.size(),
        Dicts.texts(instance.get("metadata")),
        files(call, args),
        bool(instance, "config_drive", "config_drive_id"),
        securityGroups(args, spec),
        networks(args),
        Dicts.text(instance, "user_data"),
        zone[0],
        zone[1],
        zone[2],
        null,
        null,
        Dicts.text(args, "admin_password"),
        hints(spec, filters),
        diskConfig(instance),
        Dicts.text(instance, "access_ip_v4"),
        Dicts.text(instance, "access_ip_v6"),
        Dicts.text(instance, "display_description"),
        List.of(),
        null,
        ids.size() == 1 ? Dicts.text(instance, "hostname") : null,
        Dicts.text(instance, "reservation_id"));
  }

  /** What is known of the instance: of a scheduler's message its properties, of a compute's all. */
  private static Map<String, Object> instance(Map<String, Object> args, Map<String, Object> spec) {
    Map<String, Object> instance = new LinkedHashMap<>();
    for (String key : List.of("project_id", "user_id", "availability_zone")) {
      if (spec.get(key) != null) {
        instance.put(key, spec.get(key)); // a RequestSpec object's
      }
    }
    instance.putAll(Dicts.map(spec.get("instance_properties")));
    if (args.get("instance") instanceof Map<?, ?>) {
      instance.putAll(Dicts.map(args.get("instance")));
    }
    return instance;
  }

  // ---- ids -------------------------------------------------------------------------------------

  private static List<InstanceId> ids(
      RpcCall call,
      Map<String, Object> args,
      Map<String, Object> spec,
      Map<String, Object> instance,
      Caller caller) {
    List<Object> several = Dicts.list(spec.get("instance_uuids"));
    if (!several.isEmpty() && !(args.get("instance") instanceof Map<?, ?>)) {
      return several.stream().map(uuid -> InstanceRef.uuid(String.valueOf(uuid))).toList();
    }
    String uuid = Dicts.text(instance, "uuid");
    if (uuid == null) {
      uuid = Dicts.text(args, "instance_uuid", "instance");
    }
    if (uuid == null) {
      uuid = Dicts.text(spec, "instance_uuid");
    }
    if (uuid != null) {
      return List.of(InstanceRef.uuid(uuid));
    }
    String number = Dicts.text(instance, "id");
    if (number == null) {
      number = Dicts.text(args, "instance_id");
    }
    String reservation = Dicts.text(instance, "reservation_id");
    String origin =
        String.join(
            "/",
            caller.projectId(),
            String.valueOf(reservation),
            String.valueOf(number),
            number == null || reservation == null ? call.messageId() : "");
    int count = (int) Math.min(10_000, Math.max(1, Dicts.number(spec, 1, "num_instances")));
    return IntStream.range(0, count)
        .mapToObj(i -> new InstanceId(UUID.nameUUIDFromBytes((origin + "/" + i).getBytes(UTF_8))))
        .toList();
  }

  // ---- flavor and image ------------------------------------------------------------------------

  /**
   * As the sender has it, since a flavor of its catalog need not be in ours; null if it names one
   * only, which is then to be in ours.
   */
  static FlavorSpec flavor(Map<String, Object> spec, Map<String, Object> instance) {
    Map<String, Object> flavor = flavorDict(spec, instance);
    if (flavor.get("memory_mb") == null || flavor.get("vcpus") == null) {
      return null;
    }
    String rxtx = Dicts.text(flavor, "rxtx_factor");
    String name = Dicts.text(flavor, "name");
    return new FlavorSpec(
        flavorId(flavor),
        name == null ? "unnamed" : name,
        (int) Dicts.number(flavor, 1, "vcpus"),
        Dicts.number(flavor, 0, "memory_mb"),
        Dicts.number(flavor, 0, "root_gb", "local_gb"),
        Dicts.number(flavor, 0, "ephemeral_gb"),
        Dicts.number(flavor, 0, "swap"),
        rxtx == null ? 1.0 : Double.parseDouble(rxtx),
        new TreeMap<>(Dicts.texts(flavor.get("extra_specs"))));
  }

  /** All that the message says of it; of the instance only what is a flavor's. */
  private static Map<String, Object> flavorDict(
      Map<String, Object> spec, Map<String, Object> instance) {
    Map<String, Object> flavor = new LinkedHashMap<>();
    for (String key : FLAVOR_OF_INSTANCE) {
      flavor.put(key, instance.get(key));
    }
    Map<String, Object> ofObject = Dicts.map(instance.get("flavor"));
    for (Map<String, Object> more :
        List.of(
            ofObject.get("cur") == null ? ofObject : Dicts.map(ofObject.get("cur")),
            Dicts.map(spec.get("flavor")),
            Dicts.map(spec.get("instance_type")))) {
      more.forEach(
          (key, value) -> {
            if (value != null) {
              flavor.put(key, value);
            }
          });
    }
    return flavor;
  }

  private static String flavorId(Map<String, Object> flavor) {
    String id = Dicts.text(flavor, "flavorid", "instance_type_id");
    return id == null ? "0" : id;
  }

  static String imageId(
      Map<String, Object> args, Map<String, Object> spec, Map<String, Object> instance) {
    String id = null;
    for (Object image : new Object[] {args.get("image"), spec.get("image")}) {
      if (id == null && image instanceof Map<?, ?>) {
        id = Dicts.text(Dicts.map(image), "id");
      } else if (id == null && image instanceof String text) {
        id = text;
      }
    }
    if (id == null || id.isEmpty()) {
      id = Dicts.text(instance, "image_ref", "image_id");
    }
    if (id == null || id.isEmpty()) {
      throw RpcException.nova("ImageNotFound", "The message names no image.");
    }
    return id.substring(id.lastIndexOf('/') + 1); // Diablo's image_ref may be a URL
  }

  /** A boot from a volume, or with one. */
  private static void noVolumes(Map<String, Object> args, Map<String, Object> spec) {
    for (Object mapping :
        new Object[] {spec.get("block_device_mapping"), args.get("block_device_mapping")}) {
      for (Object device : Dicts.list(mapping)) {
        Map<String, Object> d = device instanceof Map<?, ?> ? Dicts.map(device) : Map.of();
        if (d.get("volume_id") != null
            || d.get("snapshot_id") != null
            || "volume".equals(d.get("destination_type"))) {
          throw Refusals.notYet("Boots with volumes");
        }
      }
    }
  }

  // ---- where -----------------------------------------------------------------------------------

  /** Zone, host, node of {@code zone:host:node}. */
  private static String[] zone(
      Map<String, Object> args, Map<String, Object> spec, Map<String, Object> instance) {
    String text = Dicts.text(instance, "availability_zone");
    if (text == null) {
      text = Dicts.text(args, "availability_zone");
    }
    String[] zone = new String[3];
    if (text != null && !text.isEmpty()) {
      String[] parts = text.split(":", 3);
      for (int i = 0; i < parts.length; i++) {
        zone[i] = parts[i].isEmpty() ? null : parts[i];
      }
    }
    return zone;
  }

  private static String first(
      Map<String, Object> filters, Map<String, Object> spec, String key, String otherwise) {
    for (Object forced : new Object[] {filters.get(key), spec.get(key)}) {
      List<Object> all = Dicts.list(forced);
      if (!all.isEmpty()) {
        return String.valueOf(all.getFirst());
      }
    }
    return otherwise;
  }

  static Map<String, List<String>> hints(Map<String, Object> spec, Map<String, Object> filters) {
    Map<String, List<String>> hints = new LinkedHashMap<>();
    for (Object from : new Object[] {spec.get("scheduler_hints"), filters.get("scheduler_hints")}) {
      Dicts.map(from)
          .forEach(
              (key, value) ->
                  hints.put(key, Dicts.list(value).stream().map(String::valueOf).toList()));
    }
    return hints;
  }

  // ---- what is in it ---------------------------------------------------------------------------

  /**
   * Networks as pairs of network and address (to Grizzly), with a port or more besides, or as
   * objects.
   */
  static NetworkRequest networks(Map<String, Object> args) {
    List<RequestedNetwork> networks = new ArrayList<>();
    for (Object wanted : Dicts.list(args.get("requested_networks"))) {
      if (wanted instanceof Map<?, ?>) {
        Map<String, Object> n = Dicts.map(wanted);
        String id = Dicts.text(n, "network_id");
        if ("none".equals(id) || "auto".equals(id)) {
          return new NetworkRequest(
              id.equals("none") ? NetworkRequest.Mode.NONE : NetworkRequest.Mode.AUTO, List.of());
        }
        networks.add(
            new RequestedNetwork(
                id, Dicts.text(n, "port_id"), Dicts.text(n, "address"), Dicts.text(n, "tag")));
      } else {
        List<Object> n = Dicts.list(wanted);
        String port = n.size() > 2 ? (String) n.get(2) : null;
        networks.add(
            port != null
                ? new RequestedNetwork(null, port, null, null)
                : new RequestedNetwork(
                    (String) n.getFirst(), null, n.size() > 1 ? (String) n.get(1) : null, null));
      }
    }
    return networks.isEmpty()
        ? new NetworkRequest(NetworkRequest.Mode.UNSPECIFIED, List.of())
        : new NetworkRequest(NetworkRequest.Mode.LIST, List.copyOf(networks));
  }

  /** From Grizzly on in base64 on the bus, before as they are. */
  private static List<InjectedFile> files(RpcCall call, Map<String, Object> args) {
    List<InjectedFile> files = new ArrayList<>();
    for (Object file : Dicts.list(args.get("injected_files"))) {
      List<Object> pair = Dicts.list(file);
      if (pair.size() != 2) {
        throw RpcException.builtin("ValueError", "an injected file is a path and its contents");
      }
      String contents = String.valueOf(pair.get(1));
      boolean encoded = !call.version().startsWith("1.") && isBase64(contents);
      files.add(
          new InjectedFile(
              String.valueOf(pair.getFirst()),
              encoded ? contents : Base64.getEncoder().encodeToString(contents.getBytes(UTF_8))));
    }
    return List.copyOf(files);
  }

  private static boolean isBase64(String text) {
    try {
      Base64.getMimeDecoder().decode(text);
      return text.matches("[A-Za-z0-9+/=\\s]*");
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static List<String> securityGroups(Map<String, Object> args, Map<String, Object> spec) {
    Object groups =
        args.get("security_groups") != null
            ? args.get("security_groups")
            : spec.get("security_group");
    return Dicts.list(groups).stream()
        .map(g -> g instanceof Map<?, ?> ? Dicts.text(Dicts.map(g), "name") : String.valueOf(g))
        .toList();
  }

  private static boolean bool(Map<String, Object> dict, String... keys) {
    for (String key : keys) {
      Object value = dict.get(key);
      if (value instanceof Boolean b) {
        return b;
      }
      if (value instanceof String text && !text.isEmpty()) {
        // Of old, the id of an image to be the drive.
        return OsloBool.parse(text).orElse(true);
      }
    }
    return false;
  }

  private static String diskConfig(Map<String, Object> instance) {
    return instance.get("auto_disk_config") instanceof Boolean auto
        ? (auto ? "AUTO" : "MANUAL")
        : null;
  }

  /** Without what is in it: there may be a password. */
  @Override
  public String toString() {
    return "BootMessage" + ids.toString().toLowerCase(Locale.ROOT);
  }
}
