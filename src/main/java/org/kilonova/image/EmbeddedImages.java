package org.kilonova.image;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.kilonova.image.Image.Attributes;
import org.kilonova.image.Image.Status;
import org.kilonova.image.Image.Visibility;
import org.kilonova.image.ImageException.Kind;
import org.kilonova.kernel.ImageSpec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The embedded image service of one controller: rows that all controllers share, and files of its
 * own. A row comes before its file and goes before it, so a file without a row is rubbish, whoever
 * died when.
 */
public final class EmbeddedImages implements Images, ImageService, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EmbeddedImages.class);
  private static final Duration SWEEP = Duration.ofMinutes(1);
  private static final Duration STALE_DRAFT = Duration.ofHours(1);
  private static final int MEMBERS_MAX = 128;

  private final SqlImages rows;
  private final ImageFiles files;
  private final PeerImages peers;
  private final String endpoint;
  private final InstantSource clock;
  private final Map<String, ReentrantLock> fetching = new ConcurrentHashMap<>();
  private final Set<String> uploads = ConcurrentHashMap.newKeySet();
  private final ScheduledExecutorService sweeper;

  /**
   * Takes up where the controller at this endpoint left off: its half uploads are queued again.
   *
   * @param endpoint base URL under which the other controllers reach this one's front door
   */
  public EmbeddedImages(
      Jdbi jdbi, ImageFiles files, PeerImages peers, String endpoint, InstantSource clock) {
    this.rows = new SqlImages(jdbi);
    this.files = files;
    this.peers = peers;
    this.endpoint = endpoint;
    this.clock = clock;
    sweep();
    this.sweeper =
        Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("kilonova-image-sweeper").factory());
    sweeper.scheduleWithFixedDelay(
        this::sweep, SWEEP.toMillis(), SWEEP.toMillis(), TimeUnit.MILLISECONDS);
  }

  @Override
  public Optional<ImageSpec> bootable(Viewer viewer, String id) {
    return find(viewer, id).map(EmbeddedImages::spec);
  }

  private static ImageSpec spec(Image image) {
    if (image.status() != Status.ACTIVE || image.content().isEmpty()) {
      throw new ImageNotActiveException(image.id());
    }
    Attributes a = image.attributes();
    Map<String, String> properties = new HashMap<>(a.properties());
    String kernel = properties.remove("kernel_id");
    String ramdisk = properties.remove("ramdisk_id");
    return new ImageSpec(
        image.id(),
        a.name(),
        a.diskFormat(),
        a.containerFormat(),
        image.content().get().md5(),
        image.content().get().size(),
        a.minDisk(),
        a.minRam(),
        kernel,
        ramdisk,
        properties);
  }

  @Override
  public Optional<Image> find(Viewer viewer, String id) {
    return rows.find(id).filter(image -> sees(viewer, image));
  }

  private boolean sees(Viewer viewer, Image image) {
    boolean member =
        image.attributes().visibility() == Visibility.SHARED
            && viewer.projectId() != null
            && !ImagePolicy.owns(viewer, image.attributes())
            && rows.member(image.id(), viewer.projectId()).isPresent();
    return ImagePolicy.sees(viewer, image.attributes(), member);
  }

  @Override
  public Image get(Viewer viewer, String id) {
    return find(viewer, id).orElseThrow(() -> ImageException.notFound(id));
  }

  @Override
  public List<Image> list(Viewer viewer, ImageQuery query) {
    return rows.list(viewer, query);
  }

  @Override
  public Image create(Viewer viewer, String id, Attributes attributes) {
    ImagePolicy.checkCreate(viewer, attributes);
    Instant now = clock.instant();
    Image image = new Image(id, Status.QUEUED, attributes, Optional.empty(), now, now);
    if (!rows.insert(image)) {
      throw new ImageException(Kind.CONFLICT, "Image ID " + id + " already exists!");
    }
    return image;
  }

  @Override
  public Image update(Viewer viewer, String id, UnaryOperator<Attributes> change) {
    rows.inTransaction(
        h -> {
          Image before = locked(h, viewer, id);
          ImagePolicy.checkOwns(viewer, before.attributes(), "modify");
          Attributes after = change.apply(before.attributes());
          ImagePolicy.checkUpdate(viewer, before.attributes(), after);
          checkFormats(before, after);
          rows.update(h, id, after, clock.instant());
          return null;
        });
    // whoever made it private to others has no more to see
    return rows.find(id).orElseThrow(() -> ImageException.notFound(id));
  }

  /** What the data are cannot change once they are there. */
  private static void checkFormats(Image before, Attributes after) {
    boolean same =
        Objects.equals(before.attributes().diskFormat(), after.diskFormat())
            && Objects.equals(before.attributes().containerFormat(), after.containerFormat());
    if (!same && before.status() != Status.QUEUED) {
      throw new ImageException(
          Kind.FORBIDDEN,
          "Attribute container_format or disk_format can be only replaced for a queued image.");
    }
  }

  private Image locked(Handle h, Viewer viewer, String id) {
    return rows.lock(h, id)
        .filter(image -> sees(viewer, image))
        .orElseThrow(() -> ImageException.notFound(id));
  }

  @Override
  public void delete(Viewer viewer, String id) {
    rows.inTransaction(
        h -> {
          Image image = locked(h, viewer, id);
          ImagePolicy.checkDelete(viewer, id, image.attributes());
          rows.delete(h, id);
          return null;
        });
    try {
      files.delete(id);
    } catch (IOException e) {
      log.warn("the file of deleted image {} stays until the next sweep: {}", id, e.toString());
    }
  }

  @Override
  public void upload(Viewer viewer, String id, Supplier<InputStream> data) {
    String upload = UUID.randomUUID().toString();
    uploads.add(upload);
    try {
      startUpload(viewer, id, upload);
      receive(id, upload, data);
    } finally {
      uploads.remove(upload);
    }
  }

  private void startUpload(Viewer viewer, String id, String upload) {
    rows.inTransaction(
        h -> {
          Image image = locked(h, viewer, id);
          ImagePolicy.checkOwns(viewer, image.attributes(), "upload data for");
          if (image.status() != Status.QUEUED) {
            throw new ImageException(
                Kind.CONFLICT,
                "Image status transition from " + image.status() + " to saving is not allowed");
          }
          Attributes a = image.attributes();
          if (a.diskFormat() == null || a.containerFormat() == null) {
            throw new ImageException(
                Kind.BAD_REQUEST,
                "Properties disk_format, container_format must be set prior to saving data.");
          }
          rows.startUpload(h, id, upload, endpoint, clock.instant());
          return null;
        });
  }

  private void receive(String id, String upload, Supplier<InputStream> source) {
    boolean done = false;
    try (InputStream data = source.get()) {
      ImageFiles.Draft draft = files.write(id, data);
      files.keep(id, draft);
      done = rows.finishUpload(id, upload, draft.content(), endpoint, clock.instant());
      if (!done) {
        files.delete(id);
        throw new ImageException(Kind.GONE, "Image " + id + " could not be found after upload.");
      }
    } catch (ImageFiles.DataEndedException e) {
      log.info("the upload to image {} was given up: {}", id, e.getMessage());
      throw new ImageException(Kind.BAD_REQUEST, "The data of the image ended early.");
    } catch (IOException e) {
      throw new UncheckedIOException("the data of image " + id + " could not be kept", e);
    } finally {
      if (!done) {
        rows.abandonUpload(id, upload);
      }
    }
  }

  @Override
  public Path file(Viewer viewer, String id, boolean localOnly) {
    Image image = get(viewer, id);
    if (image.status() == Status.DEACTIVATED && !viewer.seesAll()) {
      throw new ImageException(Kind.FORBIDDEN, "The requested image has been deactivated.");
    }
    if (image.content().isEmpty()) {
      throw new ImageException(Kind.NO_CONTENT, "Image " + id + " has no data.");
    }
    return files
        .find(id)
        .or(() -> localOnly ? Optional.empty() : Optional.of(fetch(image)))
        .orElseThrow(() -> ImageException.notFound(id));
  }

  /** Gets the data from a controller that has them, once at a time. */
  private Path fetch(Image image) {
    ReentrantLock lock = fetching.computeIfAbsent(image.id(), id -> new ReentrantLock());
    lock.lock();
    try {
      Optional<Path> meanwhile = files.find(image.id());
      if (meanwhile.isPresent()) {
        return meanwhile.get();
      }
      for (String peer : rows.locations(image.id())) {
        if (!peer.equals(endpoint)) {
          Optional<Path> file = fetch(image, peer);
          if (file.isPresent()) {
            return file.get();
          }
        }
      }
    } finally {
      fetching.remove(image.id(), lock);
      lock.unlock();
    }
    throw new ImageException(
        Kind.UNAVAILABLE,
        "The data of image " + image.id() + " are on a controller that cannot be reached now.");
  }

  private Optional<Path> fetch(Image image, String peer) {
    try (InputStream data = peers.open(peer, image.id(), true)) {
      ImageFiles.Draft draft = files.write(image.id(), data);
      if (!draft.content().sha512().equals(image.content().orElseThrow().sha512())) {
        files.discard(draft);
        log.error("image {} from {} has the wrong checksum", image.id(), peer);
        return Optional.empty();
      }
      Path file = files.keep(image.id(), draft);
      if (!rows.addLocation(image.id(), endpoint)) {
        files.delete(image.id());
        throw ImageException.notFound(image.id());
      }
      return Optional.of(file);
    } catch (IOException e) {
      log.warn("image {} could not be had from {}: {}", image.id(), peer, e.toString());
      return Optional.empty();
    }
  }

  @Override
  public void deactivate(Viewer viewer, String id) {
    setStatus(viewer, id, "deactivate", Status.ACTIVE, Status.DEACTIVATED);
  }

  @Override
  public void reactivate(Viewer viewer, String id) {
    setStatus(viewer, id, "reactivate", Status.DEACTIVATED, Status.ACTIVE);
  }

  private void setStatus(Viewer viewer, String id, String action, Status from, Status to) {
    rows.inTransaction(
        h -> {
          Image image = locked(h, viewer, id);
          ImagePolicy.checkOwns(viewer, image.attributes(), action);
          if (image.status() != from && image.status() != to) {
            throw new ImageException(
                Kind.FORBIDDEN,
                "Not allowed to %s image in status '%s'".formatted(action, image.status()));
          }
          rows.setStatus(h, id, to, clock.instant());
          return null;
        });
  }

  @Override
  public List<Member> members(Viewer viewer, String id) {
    Image image = shared(viewer, id);
    List<Member> all = rows.members(id);
    return ImagePolicy.owns(viewer, image.attributes())
        ? all
        : all.stream().filter(m -> m.memberId().equals(viewer.projectId())).toList();
  }

  private Image shared(Viewer viewer, String id) {
    Image image = get(viewer, id);
    if (image.attributes().visibility() != Visibility.SHARED) {
      throw new ImageException(Kind.FORBIDDEN, "Only shared images have members.");
    }
    return image;
  }

  @Override
  public Member addMember(Viewer viewer, String id, String memberId) {
    return rows.inTransaction(
        h -> {
          Image image = locked(h, viewer, id);
          ImagePolicy.checkOwns(viewer, image.attributes(), "modify members of");
          if (image.attributes().visibility() != Visibility.SHARED) {
            throw new ImageException(Kind.FORBIDDEN, "Only shared images have members.");
          }
          if (rows.members(id).size() >= MEMBERS_MAX) {
            throw new ImageException(
                Kind.TOO_LARGE, "The limit of " + MEMBERS_MAX + " members has been exceeded.");
          }
          Instant now = clock.instant();
          Member member = new Member(id, memberId, "pending", now, now);
          if (!rows.addMember(h, member)) {
            throw new ImageException(
                Kind.CONFLICT, "Member %s is duplicated for image %s".formatted(memberId, id));
          }
          return member;
        });
  }

  @Override
  public Member setMemberStatus(Viewer viewer, String id, String memberId, String status) {
    shared(viewer, id);
    if (!viewer.admin() && !memberId.equals(viewer.projectId())) {
      throw new ImageException(
          Kind.FORBIDDEN, "You are not permitted to modify 'status' on this image member.");
    }
    if (!rows.setMemberStatus(id, memberId, status, clock.instant())) {
      throw noMember(id, memberId);
    }
    return rows.member(id, memberId).orElseThrow(() -> noMember(id, memberId));
  }

  @Override
  public void removeMember(Viewer viewer, String id, String memberId) {
    ImagePolicy.checkOwns(viewer, shared(viewer, id).attributes(), "modify members of");
    if (!rows.removeMember(id, memberId)) {
      throw noMember(id, memberId);
    }
  }

  private static ImageException noMember(String id, String memberId) {
    return new ImageException(
        Kind.NOT_FOUND, "%s not found in the member list of the image %s.".formatted(memberId, id));
  }

  /** Makes files and rows agree: what other controllers deleted, what a crash left. */
  private void sweep() {
    try {
      List<String> here = files.ids();
      Set<String> rubbish = new HashSet<>(here);
      rubbish.removeAll(rows.existing(here));
      for (String id : rubbish) {
        files.delete(id);
      }
      rows.setLocations(endpoint, here);
      rows.abandonUploadsAt(endpoint, uploads);
      files.deleteStaleDrafts(clock.instant(), STALE_DRAFT);
    } catch (IOException | RuntimeException e) {
      log.warn("sweeping the image directory failed: {}", e.toString());
    }
  }

  @Override
  public void close() {
    sweeper.shutdownNow();
  }
}
