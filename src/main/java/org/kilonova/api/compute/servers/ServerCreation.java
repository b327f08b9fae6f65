package org.kilonova.api.compute.servers;

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
import org.kilonova.api.http.ApiFault;
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
import org.kilonova.kernel.ServerGroupRef;
import org.kilonova.network.Networks;
import org.kilonova.network.Networks.NetworkConflictException;
import org.kilonova.network.Networks.NetworkRequestException;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.quota.Quotas;
import org.kilonova.quota.Quotas.QuotaExceededException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Carries out {@code POST /servers}: checks everything, reserves quota, and hands each instance to
 * its entity. It returns when the accepted ones are durable. What fails after the reservation gives
 * its claim back, so a refused request leaves nothing behind.
 */
final class ServerCreation {
  private static final Logger LOG = LoggerFactory.getLogger(ServerCreation.class);

  /** So many instances of one request are handed over at a time. */
  private static final int PARALLEL = 16;

  private final BootReferences references;
  private final Networks networks;
  private final Quotas quotas;
  private final Instances instances;
  private final InstantSource clock;
  private final int passwordLength;
  private final Duration validity;
  private final SecureRandom random = new SecureRandom();

  /**
   * With its ports.
   *
   * @param passwordLength of generated passwords
   * @param validity so long after the reservation an entity still takes the request
   */
  ServerCreation(
      BootReferences references,
      Networks networks,
      Quotas quotas,
      Instances instances,
      InstantSource clock,
      int passwordLength,
      Duration validity) {
    this.references = references;
    this.networks = networks;
    this.quotas = quotas;
    this.instances = instances;
    this.clock = clock;
    this.passwordLength = passwordLength;
    this.validity = validity;
  }

  /**
   * Creates the servers.
   *
   * @return the accepted ones, in order, at least {@code min_count}
   * @throws ApiFault 400, 403, 409 if the request cannot be carried out; 503 if instances could not
   *     be reached
   */
  List<InstanceSpec> create(CreateRequest request, Caller caller, ActionContext context) {
    Template template = check(request, caller);
    List<InstanceId> ids = Stream.generate(InstanceId::random).limit(request.maxCount()).toList();
    Instant validUntil = clock.instant().plus(validity);
    List<Integer> numbers;
    try {
      numbers =
          quotas.reserveInstances(
              caller.projectId(),
              caller.userId(),
              ids,
              request.minCount(),
              template.flavor().resources(),
              validUntil);
    } catch (QuotaExceededException e) {
      throw ApiFault.forbidden(e.getMessage());
    }
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

  // ---- checks ----------------------------------------------------------------------------------

  private Template check(CreateRequest request, Caller caller) {
    destination(request, caller);
    BootChecks.hints(request.hints());
    FlavorSpec flavor =
        references
            .flavor(caller, request.flavorId())
            .orElseThrow(
                () -> ApiFault.badRequest("Flavor " + request.flavorId() + " could not be found."));
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
        request.keyName() == null
            ? null
            : references
                .publicKey(caller, request.keyName())
                .orElseThrow(() -> ApiFault.badRequest("Invalid key_name provided."));
    List<RequestedNetwork> wanted;
    try {
      wanted = networks.validate(caller.projectId(), caller.isAdmin(), request.networks());
    } catch (NetworkConflictException e) {
      throw ApiFault.conflict(e.getMessage());
    } catch (NetworkRequestException e) {
      throw ApiFault.badRequest(e.getMessage());
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
        ServerNames.reservationId(random),
        request.adminPass() != null
            ? request.adminPass()
            : ServerNames.password(random, passwordLength),
        clock.instant());
  }

  private void destination(CreateRequest request, Caller caller) {
    if ((request.forcedHost() != null || request.forcedNode() != null) && !caller.isAdmin()) {
      throw ApiFault.forbidden(
          "Policy doesn't allow os_compute_api:servers:create:forced_host to be performed.");
    }
    if (request.requestedHost() != null || request.requestedNode() != null) {
      if (!caller.isAdmin()) {
        throw ApiFault.forbidden(
            "Policy doesn't allow compute:servers:create:requested_destination to be performed.");
      }
      if (!references.hostExists(request.requestedHost(), request.requestedNode())) {
        throw ApiFault.badRequest(
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
      throw ApiFault.badRequest("The requested availability zone is not available");
    }
  }

  private ImageSpec image(Caller caller, String id) {
    return references
        .image(caller, id)
        .orElseThrow(() -> ApiFault.badRequest("Can not find requested image"));
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

  private ServerGroupRef serverGroup(CreateRequest request, Caller caller) {
    List<String> hint = request.hints().getOrDefault("group", List.of());
    if (hint.isEmpty()) {
      return null;
    }
    return references
        .serverGroup(caller, hint.getFirst())
        .orElseThrow(
            () ->
                ApiFault.badRequest("Instance group " + hint.getFirst() + " could not be found."));
  }

  private void join(Template template, List<InstanceId> ids) {
    if (template.group() != null
        && !references.joinServerGroup(template.group().id(), ids, template.groupLimit())) {
      throw ApiFault.forbidden("Quota exceeded, too many servers in group");
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
      CreateRequest request,
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
      CreateRequest r = request;
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
        LOG.warn("{}: {} is left over of a create that failed", context.requestId(), spec.id());
      }
    }
    throw ApiFault.unavailable(
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
                  try {
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
      throw ApiFault.unavailable("The service is stopping.");
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
      LOG.warn("{}: it is not known whether {} was accepted", context.requestId(), spec.id());
      return new Outcome(spec, false, null);
    }
  }
}
