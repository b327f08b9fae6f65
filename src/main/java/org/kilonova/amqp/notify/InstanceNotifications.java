package org.kilonova.amqp.notify;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.kilonova.amqp.notify.Notification.Form.UNVERSIONED;
import static org.kilonova.amqp.notify.Notification.Form.VERSIONED;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Supplier;
import org.kilonova.amqp.notify.Notification.Form;
import org.kilonova.amqp.notify.UnversionedPayloads.StateUpdate;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.InstanceEvent.AddressesChanged;
import org.kilonova.instance.InstanceEvent.AttemptAbandoned;
import org.kilonova.instance.InstanceEvent.BlockDevicesMapped;
import org.kilonova.instance.InstanceEvent.BuildFailed;
import org.kilonova.instance.InstanceEvent.CleanupDone;
import org.kilonova.instance.InstanceEvent.DeleteRequested;
import org.kilonova.instance.InstanceEvent.DetailsChanged;
import org.kilonova.instance.InstanceEvent.HostSelected;
import org.kilonova.instance.InstanceEvent.InstanceActivated;
import org.kilonova.instance.InstanceEvent.InstanceDeleted;
import org.kilonova.instance.InstanceEvent.InstanceLocked;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.instance.InstanceEvent.InstanceUnlocked;
import org.kilonova.instance.InstanceEvent.MetadataChanged;
import org.kilonova.instance.InstanceEvent.NetworkAllocated;
import org.kilonova.instance.InstanceEvent.PowerStateObserved;
import org.kilonova.instance.InstanceEvent.SpawnConfirmed;
import org.kilonova.instance.InstanceEvent.StateReset;
import org.kilonova.instance.InstanceEvent.TagsChanged;
import org.kilonova.instance.InstanceEvent.TaskCompleted;
import org.kilonova.instance.InstanceEvent.TaskFailed;
import org.kilonova.instance.InstanceEvent.TaskStarted;
import org.kilonova.instance.InstanceState.Absent;
import org.kilonova.instance.InstanceState.Building;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.Fault;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/**
 * What an event means to those who listen to a classic compute service. Pure: the same event gives
 * the same notifications with the same message ids, so that a repetition can be told.
 *
 * <p>The rule for each is Nova's: what nova/compute/manager.py, nova/scheduler/manager.py and
 * nova/notifications/base.py of Nova 26 send at that point of the same walk, and in that order.
 */
public final class InstanceNotifications {
  private final NotificationSettings settings;
  private final AuditPeriod updates;
  private final UnversionedPayloads unversioned;

  public InstanceNotifications(NotificationSettings settings) {
    this.settings = settings;
    this.updates = settings.audit().orElse(AuditPeriod.MONTH);
    this.unversioned = new UnversionedPayloads(settings.imageEndpoint());
  }

  /**
   * What an event means.
   *
   * @param before the instance until then
   * @param after and with it
   */
  List<Notification> of(Told before, InstanceEvent event, Told after) {
    return new Telling(before, event, after).all();
  }

  /** {@code compute.instance.exists}: that it lived in the period. Once for each period. */
  List<Notification> exists(Present state, AuditPeriod.Bounds period) {
    InstanceId id = state.instance().id();
    RpcContext context = Contexts.nobody(period.end());
    String host = UnversionedPayloads.host(state.instance());
    Publisher publisher = new Publisher("compute", host == null ? settings.host() : host);
    List<Notification> all = new ArrayList<>(2);
    for (Form form : settings.forms()) {
      all.add(
          new Notification(
              messageId(id, "exists " + period.end(), 0, form),
              publisher.id(form),
              form == UNVERSIONED ? "compute.instance.exists" : "instance.exists",
              "info",
              form == UNVERSIONED
                  ? unversioned.exists(state, period)
                  : VersionedPayloads.exists(state, context, period),
              context,
              period.end(),
              form));
    }
    return all;
  }

  private static String messageId(InstanceId id, String what, int index, Form form) {
    return UUID.nameUUIDFromBytes(
            ("Instance|" + id + " " + what + " " + index + " " + form).getBytes(UTF_8))
        .toString();
  }

  /** {@code compute.host-1} in the one form, {@code nova-compute:host-1} in the other. */
  private record Publisher(String service, String host) {
    String id(Form form) {
      if (form == UNVERSIONED) {
        return service + "." + host;
      }
      return (service.startsWith("nova-") ? service : "nova-" + service) + ":" + host;
    }
  }

  /** Collects what one event means. */
  private final class Telling {
    private final List<Notification> all = new ArrayList<>(6);
    private final InstanceEvent event;
    private final Present before;
    private final Present after;
    private final InstanceId id;
    private final long sequenceNumber;
    private final RpcContext request;

    /** Where the instance is, or was until now; the own process if it is nowhere. */
    private final Publisher compute;

    private final Publisher api = new Publisher("compute", settings.host());

    Telling(Told before, InstanceEvent event, Told after) {
      this.event = event;
      this.after = (Present) after.state();
      this.before = before.state() instanceof Absent ? null : (Present) before.state();
      this.id = this.after.instance().id();
      this.sequenceNumber = after.revision();
      this.request = after.request();
      this.compute = onHost() ? new Publisher("compute", placedOn()) : api;
    }

    private boolean onHost() {
      return placedOn() != null;
    }

    private String placedOn() {
      String host = UnversionedPayloads.host(after.instance());
      return host != null || before == null ? host : UnversionedPayloads.host(before.instance());
    }

    List<Notification> all() {
      switch (event) {
        case InstanceRequested e -> {
          update(api, after);
          selectDestinations("start");
        }
        case HostSelected e -> {
          if (((Building) before).alternates().isEmpty()) {
            selectDestinations("end"); // an alternate is taken without the scheduler
          }
          // Before the claim, so with neither host nor node (_build_and_run_instance).
          create("start", before, Collections.singletonMap("image_name", imageName()));
          update(compute, before);
        }
        case NetworkAllocated e -> update(compute, before);
        case BlockDevicesMapped e -> update(compute, before);
        case SpawnConfirmed e -> {} // of the commit point Nova knows nothing
        case InstanceActivated e -> {
          update(compute, before);
          create(
              "end",
              after,
              Map.of(
                  "message",
                  "Success",
                  "fixed_ips",
                  UnversionedPayloads.fixedIps(after.instance().nics())));
        }
        case AttemptAbandoned e -> {
          createError(reasonOf(e));
          update(api, before);
          if (((Building) after).alternates().isEmpty()) {
            selectDestinations("start");
          }
        }
        case BuildFailed e -> {
          NotificationFault fault = reasonOf(e.fault());
          createError(fault);
          if (!onHost()) {
            buildFailed(fault);
          }
          update(compute, before);
        }
        case TaskStarted e -> {
          update(api, before);
          action(verb(e.kind()) + ".start", after, null);
        }
        case TaskCompleted e -> {
          update(compute, before);
          action(verb(e.kind()) + ".end", after, null);
        }
        case TaskFailed e -> taskFailed(e);
        case PowerStateObserved e when before.vmState().equals(after.vmState()) -> {
          if (before.instance().power() != e.power()) {
            update(compute, before);
          }
        }
        case PowerStateObserved e -> {
          // Found off: Nova's _sync_instance_power_state has it stopped, with all that this says.
          action("power_off.start", before, null);
          update(compute, before);
          action("power_off.end", after, null);
        }
        case DetailsChanged e -> update(api, before);
        case MetadataChanged e -> update(api, before);
        case TagsChanged e -> update(new Publisher("nova-api", settings.host()), before);
        case AddressesChanged e -> addresses(e.added() ? "create_ip" : "delete_ip");
        case InstanceLocked e -> lock("instance.lock");
        case InstanceUnlocked e -> lock("instance.unlock");
        case StateReset e -> update(api, before);
        case DeleteRequested e -> {
          update(api, before);
          if (before instanceof Building && onHost()) {
            createError(
                new NotificationFault(
                    "UnexpectedDeletingTaskStateError",
                    500,
                    "Conflict updating instance " + id + ". Actual: {'task_state': 'deleting'}",
                    "boot"));
          }
          action("delete.start", after, null);
          if (onHost()) {
            action("shutdown.start", after, null);
          }
        }
        case InstanceDeleted e -> {
          if (onHost()) {
            action("shutdown.end", before, null);
          }
          update(compute, before);
          action("delete.end", after, null);
        }
        case CleanupDone e -> {} // what is owed is our own affair
      }
      return all;
    }

    /** A failed reboot of a guest that runs all the same is over, and said to be. */
    private void taskFailed(TaskFailed e) {
      boolean reboot = verb(e.kind()).equals("reboot");
      if (reboot) {
        action(
            "reboot.error",
            before,
            new NotificationFault(
                "InstanceRebootFailure",
                500,
                "Failed to reboot instance: " + e.reason(),
                "reboot"));
      }
      update(compute, before);
      if (reboot && e.power() == PowerState.RUNNING) {
        action("reboot.end", after, null);
      }
    }

    private String verb(TaskKind kind) {
      return switch (kind) {
        case POWERING_OFF -> "power_off";
        case POWERING_ON -> "power_on";
        case REBOOTING, REBOOTING_HARD -> "reboot";
      };
    }

    // ---- each kind -----------------------------------------------------------------------------

    private void update(Publisher publisher, Present from) {
      StateUpdate states = StateUpdate.of(from == null ? after : from, after);
      AuditPeriod.Bounds period =
          new AuditPeriod.Bounds(updates.lastCompleted(event.at()).end(), event.at());
      String renamed =
          before == null || before.instance().name().equals(after.instance().name())
              ? null
              : before.instance().name();
      add(
          publisher,
          "compute.instance.update",
          "instance.update",
          "info",
          () -> unversioned.update(after, states, period, renamed),
          () -> VersionedPayloads.update(after, request(), states, period, renamed));
    }

    private void create(String phase, Present state, Map<String, Object> more) {
      add(
          compute,
          "compute.instance.create." + phase,
          "instance.create." + phase,
          "info",
          () -> with(unversioned.usage(state), more),
          () -> VersionedPayloads.create(state, request(), null));
    }

    private void createError(NotificationFault fault) {
      add(
          compute,
          "compute.instance.create.error",
          "instance.create.error",
          "error",
          () -> with(unversioned.usage(before), fault.unversioned()),
          () -> VersionedPayloads.create(before, request(), fault));
    }

    private void action(String what, Present state, NotificationFault fault) {
      add(
          compute,
          "compute.instance." + what,
          "instance." + what,
          fault == null ? "info" : "error",
          () -> with(unversioned.usage(state), fault == null ? Map.of() : fault.unversioned()),
          () -> VersionedPayloads.action(state, request(), fault));
    }

    /** Nova has them in the unversioned form only (add_fixed_ip_to_instance). */
    private void addresses(String what) {
      add(
          compute,
          "compute.instance." + what + ".start",
          null,
          "info",
          () -> unversioned.usage(before),
          null);
      add(
          compute,
          "compute.instance." + what + ".end",
          null,
          "info",
          () ->
              with(
                  unversioned.usage(after),
                  Map.of("fixed_ips", UnversionedPayloads.fixedIps(after.instance().nics()))),
          null);
    }

    /** Nova has the two in the versioned form only; in the other a lock is an update. */
    private void lock(String type) {
      update(api, before);
      add(
          new Publisher("api", settings.host()),
          null,
          type,
          "info",
          null,
          () -> VersionedPayloads.action(after, request(), null));
    }

    private void selectDestinations(String phase) {
      String type = "scheduler.select_destinations." + phase;
      add(
          new Publisher("scheduler", settings.host()),
          type,
          type,
          "info",
          () -> Map.of("request_spec", UnversionedPayloads.requestSpec(after.instance())),
          () -> VersionedPayloads.requestSpec(after.instance()));
    }

    private void buildFailed(NotificationFault fault) {
      add(
          new Publisher("compute_task", settings.host()),
          "compute_task.build_instances",
          null,
          "error",
          () -> UnversionedPayloads.buildFailed(after.instance(), fault),
          null);
      add(
          new Publisher("conductor", settings.host()),
          null,
          "compute_task.build_instances.error",
          "error",
          null,
          () -> VersionedPayloads.buildFailed(after.instance(), fault));
    }

    private void add(
        Publisher publisher,
        String unversionedType,
        String versionedType,
        String priority,
        Supplier<Map<String, Object>> unversionedPayload,
        Supplier<Map<String, Object>> versionedPayload) {
      if (unversionedType != null && settings.forms().contains(UNVERSIONED)) {
        add(publisher, UNVERSIONED, unversionedType, priority, unversionedPayload.get());
      }
      if (versionedType != null && settings.forms().contains(VERSIONED)) {
        add(publisher, VERSIONED, versionedType, priority, versionedPayload.get());
      }
    }

    private void add(
        Publisher publisher, Form form, String type, String priority, Map<String, Object> payload) {
      all.add(
          new Notification(
              messageId(id, Long.toString(sequenceNumber), all.size(), form),
              publisher.id(form),
              type,
              priority,
              payload,
              request(),
              event.at(),
              form));
    }

    // ---- their parts ---------------------------------------------------------------------------

    /**
     * What nobody asked for is not told as part of what somebody asked before; nor is a change that
     * goes on beside what is under way.
     */
    private RpcContext request() {
      return switch (event) {
        case PowerStateObserved e -> Contexts.nobody(e.at());
        case DetailsChanged e -> by(e.context());
        case MetadataChanged e -> by(e.context());
        case TagsChanged e -> by(e.context());
        case AddressesChanged e -> by(e.context());
        default -> request;
      };
    }

    /** Earlier versions did not record who asked for everything. */
    private RpcContext by(ActionContext context) {
      return context == null ? Contexts.nobody(event.at()) : Contexts.of(context, event.at());
    }

    private String imageName() {
      return after.instance().spec().image() == null
          ? null
          : after.instance().spec().image().name();
    }

    private NotificationFault reasonOf(AttemptAbandoned e) {
      String exception =
          e.failed()
              ? "InstanceDeployFailure"
              : e.excludes() ? "ComputeResourcesUnavailable" : "ComputeServiceUnavailable";
      return new NotificationFault(exception, 500, e.reason(), "boot");
    }

    private NotificationFault reasonOf(Fault fault) {
      String exception =
          fault.message().startsWith("No valid host was found.")
              ? "NoValidHost"
              : fault.message().startsWith("Exceeded maximum number of retries.")
                  ? "MaxRetriesExceeded"
                  : "BuildAbortException";
      return new NotificationFault(exception, fault.code(), fault.message(), "boot");
    }
  }

  private static Map<String, Object> with(Map<String, Object> payload, Map<String, Object> more) {
    payload.putAll(more);
    return payload;
  }
}
