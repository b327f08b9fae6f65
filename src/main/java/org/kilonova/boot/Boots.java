package org.kilonova.boot;

import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.kilonova.boot.BootRefusedException.Kind;
import org.kilonova.identity.Caller;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.InstanceProtocol.Accepted;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.Refused;
import org.kilonova.instance.InstanceProtocol.RequestInstance;
import org.kilonova.instance.InstanceSpec;
import org.kilonova.instance.Instances;
import org.kilonova.instance.Instances.UnavailableException;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.FailPoint;
import org.kilonova.kernel.FlavorSpec;
import org.kilonova.kernel.ImageSpec;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.RequestLog;
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.network.Networks;
import org.kilonova.network.Networks.NetworkConflictException;
import org.kilonova.network.Networks.NetworkRequestException;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.network.Networks.UnknownNetworkException;
import org.kilonova.quota.Quotas;
import org.kilonova.quota.Quotas.QuotaExceededException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes servers: checks everything, reserves quota, and hands each instance to its entity. It
 * returns when the accepted ones are durable. What fails after the reservation gives its claim
 * back, so a refused request leaves nothing behind. Blocks.
 */
public final class Boots {
  private static final Logger LOG = LoggerFactory.getLogger(Boots.class);

  /** So many instances of one request are handed over at a time. */
  private static final int PARALLEL = 16;

  /**
   * What a boot needs.
   *
   * @param instances the entities
   */
  public record Ports(
      BootReferences references,
      Networks networks,
      Quotas quotas,
      Instances instances,
      InstantSource clock) {}

  /**
   * What an operator can choose.
   *
   * @param passwordLength of generated administrator passwords
   * @param validity so long after its quota was reserved an instance may come to be; longer than
   *     {@link Instances#request} waits
   */
  public record Settings(int passwordLength, Duration validity) {
    /** Nova's. */
    public static final Settings DEFAULT = new Settings(12, Duration.ofSeconds(120));
  }

  private final BootReferences references;
  private final Networks networks;
  private final Quotas quotas;
  private final Instances instances;
  private final InstantSource clock;
  private final Settings settings;
  private final SecureRandom random = new SecureRandom();

  public Boots(Ports ports, Settings settings) {
    this.references = ports.references();
    this.networks = ports.networks();
    this.quotas = ports.quotas();
    this.instances = ports.instances();
    this.clock = ports.clock();
    this.settings = settings;
  }

  /**
   * Creates new servers.
   *
   * @param caller in a project
   * @return the accepted ones, in order, at least {@code minCount}
   * @throws BootRefusedException if the request cannot be carried out
   */
  public List<InstanceSpec> create(BootRequest request, Caller caller, ActionContext context) {
    Template template = check(request, caller);
    List<InstanceId> ids = Stream.generate(InstanceId::random).limit(request.maxCount()).toList();
    Instant validUntil = clock.instant().plus(settings.validity());
    List<Integer> numbers = reserve(caller, ids, request.minCount(), template.flavor(), validUntil);
    List<InstanceId> reserved = ids.subList(0, numbers.size());
    List<InstanceSpec> specs;
    try {
      join(template, reserved);
      specs =
          IntStream.range(0, numbers.size())
              .mapToObj(
                  i -> template.spec(reserved.get(i), numbers.get(i), i, numbers.size(), caller))
              .toList();
    } catch (RuntimeException e) {
      giveBack(template, reserved);
      throw e;
    }
    return request(specs, request.minCount(), template, context, validUntil);
  }

  /**
   * Creates the servers of these ids, each of which has a number of its own in {@code request}'s
   * names if there are several. What exists already (also what was deleted since) is left as it is
   * and costs nothing again, so this may be repeated until it returns: after a death of this
   * process, by another one at the same time, with other ids besides.
   *
   * @param ids as the one who asks has named them; how many the request says does not count
   * @param caller in a project
   * @return those of them that were not there before
   * @throws BootRefusedException if the request cannot be carried out; {@code UNAVAILABLE} says
   *     that some may have been accepted, and that it is to be repeated
   */
  public List<InstanceSpec> create(
      List<InstanceId> ids, BootRequest request, Caller caller, ActionContext context) {
    List<InstanceId> missing = ids.stream().distinct().filter(id -> !exists(id)).toList();
    if (missing.isEmpty()) {
      return List.of();
    }
    Template template = check(request, caller);
    Instant validUntil = clock.instant().plus(settings.validity());
    List<Integer> numbers = reserve(caller, missing, missing.size(), template.flavor(), validUntil);
    if (numbers.size() < missing.size()) {
      // Some are claimed: by another one who asks for them just now, with others besides.
      throw new BootRefusedException(
          Kind.UNAVAILABLE, "Some of the instances are being created just now.");
    }
    try {
      join(template, missing);
    } catch (BootRefusedException e) {
      giveBack(template, missing);
      throw e;
    }
    List<InstanceSpec> specs =
        IntStream.range(0, missing.size())
            .mapToObj(
                i ->
                    template.spec(
                        missing.get(i),
                        numbers.get(i),
                        ids.indexOf(missing.get(i)),
                        ids.size(),
                        caller))
            .toList();
    // Nothing is given back here, nor deleted: an id can be used but once, so a repetition is to
    // find its claims. If there is none they lapse.
    List<Outcome> outcomes = hand(specs, context, validUntil);
    if (!outcomes.stream().allMatch(Outcome::accepted)) {
      throw new BootRefusedException(
          Kind.UNAVAILABLE, "It is not known whether all instances were accepted.");
    }
    return specs;
  }

  /** Whether the journal has it. It is asked, and not the instance, which a deleted one denies. */
  private boolean exists(InstanceId id) {
    return !instances.history(id).isEmpty();
  }

  private List<Integer> reserve(
      Caller caller, List<InstanceId> ids, int min, FlavorSpec flavor, Instant validUntil) {
    try {
      return quotas.reserveInstances(
          caller.projectId(), caller.userId(), ids, min, flavor.resources(), validUntil);
    } catch (QuotaExceededException e) {
      throw new BootRefusedException(Kind.OVER_QUOTA, e.getMessage());
    }
  }

  // ---- checks ----------------------------------------------------------------------------------

  private Template check(BootRequest request, Caller caller) {
    destination(request);
    BootChecks.hints(request.hints());
    FlavorSpec flavor =
        request.flavor() != null ? request.flavor() : flavor(caller, request.flavorId());
    ImageSpec image = threePart(image(caller, request.imageId()));
    if (image.kernelId() != null) {
      image(caller, image.kernelId());
    }
    if (image.ramdiskId() != null) {
      image(caller, image.ramdiskId());
    }
    boolean limited =
        !request.metadata().isEmpty()
            || !request.personality().isEmpty()
            || request.hints().containsKey("group");
    Map<String, Integer> limits =
        limited ? quotas.limits(caller.projectId(), caller.userId()) : Map.of();
    BootChecks.metadata(request.metadata(), limits);
    BootChecks.personality(request.personality(), limits);
    BootChecks.flavorFitsImage(flavor, image, caller.isAdmin());
    String key =
        request.keyName() == null || request.keyPublic() != null
            ? request.keyPublic()
            : references
                .publicKey(caller, request.keyName())
                .orElseThrow(
                    () ->
                        new BootRefusedException(
                            Kind.KEY_PAIR_NOT_FOUND, "Invalid key_name provided."));
    List<RequestedNetwork> wanted;
    try {
      wanted = networks.validate(caller.projectId(), caller.isAdmin(), request.networks());
    } catch (NetworkConflictException e) {
      throw new BootRefusedException(Kind.CONFLICT, e.getMessage());
    } catch (UnknownNetworkException e) {
      throw new BootRefusedException(Kind.NETWORK_NOT_FOUND, e.getMessage());
    } catch (NetworkRequestException e) {
      throw new BootRefusedException(Kind.INVALID, e.getMessage());
    }
    return new Template(
        request,
        flavor,
        image,
        key,
        BootChecks.securityGroups(request.securityGroups()),
        wanted,
        serverGroup(request, caller),
        limits.getOrDefault("server_group_members", -1),
        BootChecks.diskConfig(request.diskConfig(), image),
        request.reservationId() != null
            ? request.reservationId()
            : ServerNames.reservationId(random),
        request.adminPass() != null
            ? request.adminPass()
            : ServerNames.password(random, settings.passwordLength()),
        clock.instant());
  }

  private void destination(BootRequest request) {
    if (request.requestedHost() != null || request.requestedNode() != null) {
      if (!references.hostExists(request.requestedHost(), request.requestedNode())) {
        throw new BootRefusedException(
            Kind.HOST_NOT_FOUND,
            "Compute host %s could not be found."
                .formatted(
                    request.requestedHost() != null
                        ? request.requestedHost()
                        : request.requestedNode()));
      }
    }
    if (request.zone() != null
        && request.forcedHost() == null
        && !references.availableZones().contains(request.zone())) {
      throw new BootRefusedException(
          Kind.INVALID, "The requested availability zone is not available");
    }
  }

  private FlavorSpec flavor(Caller caller, String id) {
    return references
        .flavor(caller, id)
        .orElseThrow(
            () ->
                new BootRefusedException(
                    Kind.FLAVOR_NOT_FOUND, "Flavor " + id + " could not be found."));
  }

  private ImageSpec image(Caller caller, String id) {
    return references
        .image(caller, id)
        .orElseThrow(
            () -> new BootRefusedException(Kind.IMAGE_NOT_FOUND, "Can not find requested image"));
  }

  /** {@code nokernel} is an old way of saying that an image is not of three parts. */
  private static ImageSpec threePart(ImageSpec i) {
    if (!"nokernel".equals(i.kernelId())) {
      return i;
    }
    return new ImageSpec(
        i.id(),
        i.name(),
        i.diskFormat(),
        i.containerFormat(),
        i.checksum(),
        i.sizeBytes(),
        i.minDiskGb(),
        i.minRamMb(),
        null,
        null,
        i.properties());
  }

  private ServerGroupRef serverGroup(BootRequest request, Caller caller) {
    List<String> hint = request.hints().getOrDefault("group", List.of());
    if (hint.isEmpty()) {
      return null;
    }
    return references
        .serverGroup(caller, hint.getFirst())
        .orElseThrow(
            () ->
                new BootRefusedException(
                    Kind.GROUP_NOT_FOUND,
                    "Instance group " + hint.getFirst() + " could not be found."));
  }

  private void join(Template template, List<InstanceId> ids) {
    if (template.group() != null
        && !references.joinServerGroup(template.group().id(), ids, template.groupLimit())) {
      throw new BootRefusedException(Kind.OVER_QUOTA, "Quota exceeded, too many servers in group");
    }
  }

  private void giveBack(Template template, List<InstanceId> ids) {
    if (ids.isEmpty()) {
      return;
    }
    if (template.group() != null) {
      references.leaveServerGroup(template.group().id(), ids);
    }
    ids.forEach(quotas::releaseInstance);
  }

  /** What all servers of a request have in common. */
  private record Template(
      BootRequest request,
      FlavorSpec flavor,
      ImageSpec image,
      String publicKey,
      List<String> securityGroups,
      List<RequestedNetwork> networks,
      ServerGroupRef group,
      int groupLimit,
      String diskConfig,
      String reservationId,
      String adminPass,
      Instant requestedAt) {

    InstanceSpec spec(InstanceId id, int number, int index, int count, Caller caller) {
      BootRequest r = request;
      return new InstanceSpec(
          id,
          number,
          ServerNames.displayName(r.name(), index, count),
          r.hostname() != null
              ? r.hostname()
              : ServerNames.hostname(r.name(), "server-" + id, index, count),
          r.description(),
          caller.projectId(),
          caller.userId(),
          flavor,
          image,
          r.keyName(),
          publicKey,
          r.metadata(),
          r.personality(),
          r.configDrive() || "mandatory".equals(image.properties().get("img_config_drive")),
          securityGroups,
          networks,
          r.userData(),
          r.zone(),
          r.forcedHost() != null ? r.forcedHost() : r.requestedHost(),
          r.forcedNode() != null ? r.forcedNode() : r.requestedNode(),
          reservationId,
          index,
          adminPass,
          r.hints(),
          diskConfig,
          r.accessIPv4(),
          r.accessIPv6(),
          r.tags(),
          r.trustedImageCertificates(),
          group,
          rootDeviceName(),
          requestedAt);
    }

    private String rootDeviceName() {
      String name = image.properties().get("root_device_name");
      if (name != null) {
        return name.startsWith("/") ? name : "/dev/" + name;
      }
      return switch (image.properties().getOrDefault("hw_disk_bus", "virtio")) {
        case "ide" -> "/dev/hda";
        case "scsi", "sata", "usb" -> "/dev/sda";
        default -> "/dev/vda";
      };
    }
  }

  // ---- handing over
  // ------------------------------------------------------------------------------

  /** What became of one: accepted, refused, or (neither) unknown. */
  private record Outcome(InstanceSpec spec, boolean accepted, String refused) {}

  private List<InstanceSpec> request(
      List<InstanceSpec> specs,
      int min,
      Template template,
      ActionContext context,
      Instant validUntil) {
    List<Outcome> outcomes = hand(specs, context, validUntil);
    List<InstanceSpec> accepted =
        outcomes.stream().filter(Outcome::accepted).map(Outcome::spec).toList();
    giveBack(
        template,
        outcomes.stream().filter(o -> o.refused() != null).map(o -> o.spec().id()).toList());
    if (accepted.size() >= min) {
      return accepted;
    }
    // Fewer than asked for is not what was asked for: take back those that made it.
    for (InstanceSpec spec : accepted) {
      try {
        instances.request(spec.id(), replyTo -> new Delete(context, true, replyTo));
      } catch (UnavailableException e) {
        LOG.warn("{} is left over of a create that failed", spec.id());
      }
    }
    throw new BootRefusedException(
        Kind.UNAVAILABLE,
        outcomes.stream()
            .map(Outcome::refused)
            .filter(refused -> refused != null)
            .findFirst()
            .orElse("It is not known whether the server was created; look before trying again."));
  }

  private List<Outcome> hand(List<InstanceSpec> specs, ActionContext context, Instant validUntil) {
    if (specs.size() == 1) {
      return List.of(hand(specs.getFirst(), context, validUntil));
    }
    Semaphore slots = new Semaphore(PARALLEL);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Outcome>> futures = new ArrayList<>();
      for (InstanceSpec spec : specs) {
        futures.add(
            threads.submit(
                () -> {
                  slots.acquire();
                  try (RequestLog log = RequestLog.of(context.requestId())) {
                    return hand(spec, context, validUntil);
                  } finally {
                    slots.release();
                  }
                }));
      }
      List<Outcome> outcomes = new ArrayList<>();
      for (Future<Outcome> future : futures) {
        outcomes.add(future.get());
      }
      return outcomes;
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new BootRefusedException(Kind.UNAVAILABLE, "The service is stopping.");
    }
  }

  private Outcome hand(InstanceSpec spec, ActionContext context, Instant validUntil) {
    try {
      FailPoint.reached("api-before-persist");
      InstanceProtocol.Reply reply =
          instances.request(
              spec.id(), replyTo -> new RequestInstance(spec, context, validUntil, replyTo));
      FailPoint.reached("api-after-persist");
      return switch (reply) {
        case Accepted a -> new Outcome(spec, true, null);
        case Refused r -> new Outcome(spec, false, r.message());
      };
    } catch (UnavailableException e) {
      // It may have become durable all the same; if not, its claim lapses by itself.
      LOG.warn("it is not known whether {} was accepted", spec.id());
      return new Outcome(spec, false, null);
    }
  }
}
