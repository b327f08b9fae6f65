package org.kilonova.amqp.manager;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.catalog.CatalogException;
import org.kilonova.console.ConsoleException;
import org.kilonova.console.Consoles;
import org.kilonova.console.RemoteConsole;
import org.kilonova.instance.FixedIps;
import org.kilonova.instance.InstanceProtocol.Delete;
import org.kilonova.instance.InstanceProtocol.Reply;
import org.kilonova.instance.InstanceProtocol.Request;
import org.kilonova.instance.InstanceProtocol.StartTask;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.TaskKind;
import org.kilonova.kernel.ActionContext;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.OsloBool;
import org.kilonova.kernel.PowerState;

/**
 * Topic {@code compute}, as {@code nova-compute} of Diablo to today: {@code
 * nova/compute/manager.py}. Any controller answers for every host, since it is the instance's
 * entity that does the work; only a boot that was sent to {@code compute.HOST} is bound to that
 * host.
 */
public final class ComputeManager implements Manager {
  private static final int MAX_CONSOLE_BYTES = 100 * 1024; // Nova's libvirt driver
  private static final Pattern UNPRINTABLE = Pattern.compile("[\\p{Cntrl}&&[^\\n\\r\\t]]");

  private final OwnManagers.Ports ports;
  private final InstanceRef instances;
  private final FixedIps fixedIps;

  ComputeManager(OwnManagers.Ports ports) {
    this.ports = ports;
    this.fixedIps = new FixedIps(ports.networks(), ports.instances());
    this.instances = new InstanceRef(ports.queries());
  }

  @Override
  public String topic() {
    return "compute";
  }

  /** The last of each major version: Folsom's development, Havana, Juno, Pike, Victoria, today. */
  @Override
  public List<String> versions() {
    return List.of("1.44", "2.49", "3.40", "4.22", "5.13", "6.5");
  }

  // ---- boots -----------------------------------------------------------------------------------

  /**
   * Boots an instance on the host that it was sent to: see {@link SchedulerManager#runInstance}.
   * The second name is Havana's (2.36) and its successors'.
   */
  @Rpc({"run_instance", "build_and_run_instance"})
  public void runInstance(RpcCall call) {
    Refusals.translated(
        () -> {
          if (!(call.args().get("instance") instanceof Map<?, ?>)
              && call.args().get("request_spec") == null) {
            // Essex's: what it is to be stands in the sender's database. Ours may know it.
            return instances.of(call);
          }
          BootMessage message = BootMessage.read(call, call.server());
          return ports
              .boots()
              .create(message.ids(), message.request(), message.caller(), Requests.action(call));
        });
  }

  // ---- tasks -----------------------------------------------------------------------------------

  @Rpc("terminate_instance")
  public void terminateInstance(RpcCall call) {
    change(call, context -> replyTo -> new Delete(context, call.context().isAdmin(), replyTo));
  }

  /** The second name was in use to Havana. */
  @Rpc({"start_instance", "power_on_instance"})
  public void startInstance(RpcCall call) {
    task(call, TaskKind.POWERING_ON);
  }

  /** Likewise. */
  @Rpc({"stop_instance", "power_off_instance"})
  public void stopInstance(RpcCall call) {
    task(call, TaskKind.POWERING_OFF);
  }

  /** {@code reboot_type} SOFT, also if it is not said, or HARD. */
  @Rpc("reboot_instance")
  public void rebootInstance(RpcCall call) {
    String type = call.textOrNull("reboot_type");
    task(call, "HARD".equals(type) ? TaskKind.REBOOTING_HARD : TaskKind.REBOOTING);
  }

  private void task(RpcCall call, TaskKind kind) {
    change(
        call,
        context -> replyTo -> new StartTask(kind, context, call.context().isAdmin(), replyTo));
  }

  /** Returns when it is durable; an instance that is not in a state for it refuses. */
  private void change(
      RpcCall call,
      Function<ActionContext, Function<akka.actor.typed.ActorRef<Reply>, Request>> message) {
    Refusals.translated(
        () -> {
          Present state = instances.of(call);
          Requests.caller(call.context(), state.instance().spec().projectId());
          return Refusals.accepted(
              state.instance().id(),
              ports
                  .instances()
                  .request(state.instance().id(), message.apply(Requests.action(call))));
        });
  }

  // ---- fixed addresses -------------------------------------------------------------------------

  /** One more in {@code network_id}: see {@link NetworkManager#addFixedIpToInstance}. */
  @Rpc("add_fixed_ip_to_instance")
  public void addFixedIpToInstance(RpcCall call) {
    String network = Requests.network(call);
    fixedIps(call, (state, request) -> fixedIps.add(state, network, request));
  }

  /** Takes {@code address} from the instance. */
  @Rpc("remove_fixed_ip_from_instance")
  public void removeFixedIpFromInstance(RpcCall call) {
    String address = call.text("address");
    fixedIps(call, (state, request) -> fixedIps.remove(state, address, request));
  }

  private void fixedIps(RpcCall call, BiFunction<Present, FixedIps.Request, Reply> change) {
    Refusals.translated(
        () -> {
          Present state = instances.of(call);
          Requests.caller(call.context(), state.instance().spec().projectId());
          return Refusals.accepted(
              state.instance().id(), change.apply(state, Requests.fixedIp(call)));
        });
  }

  // ---- questions -------------------------------------------------------------------------------

  /** The serial console's log, or its last {@code tail_length} lines. */
  @Rpc("get_console_output")
  public Object getConsoleOutput(RpcCall call) {
    return Refusals.translated(
        () -> {
          Present state = placed(call);
          String log =
              new String(
                  ports.instances().consoleOutput(state, MAX_CONSOLE_BYTES),
                  StandardCharsets.UTF_8);
          int lines = (int) Dicts.number(call.args(), -1, "tail_length");
          return UNPRINTABLE.matcher(tail(log, lines)).replaceAll("");
        });
  }

  private static String tail(String log, int lines) {
    if (lines < 0) {
      return log;
    }
    String[] all = log.split("\n");
    int from = Math.max(0, all.length - lines);
    return String.join("\n", List.of(all).subList(from, all.length));
  }

  /**
   * Access to the guest's display, {@code console_type} novnc: {@code token} and {@code access_url}
   * for the browser, {@code host} and {@code port} for a proxy. The token is already known where
   * proxies ask for it; see {@link ConsoleAuthManager}.
   */
  @Rpc("get_vnc_console")
  public Object getVncConsole(RpcCall call) {
    return Refusals.translated(
        () -> {
          RemoteConsole console = ports.consoles().vnc(instances.of(call), consoleType(call));
          Map<String, Object> info = new LinkedHashMap<>();
          info.put("token", console.token());
          info.put("access_url", console.accessUrl());
          info.put("host", console.host());
          info.put("port", console.port());
          info.put("internal_access_path", console.internalAccessPath());
          return info;
        });
  }

  /** Guests have no other consoles: what Nova says where a kind is off. */
  @Rpc(value = "get_spice_console", since = "2.24")
  public Object getSpiceConsole(RpcCall call) {
    return unavailable(call);
  }

  /** Likewise. */
  @Rpc(value = "get_rdp_console", since = "3.10")
  public Object getRdpConsole(RpcCall call) {
    return unavailable(call);
  }

  /** Likewise. */
  @Rpc(value = "get_serial_console", since = "3.28")
  public Object getSerialConsole(RpcCall call) {
    return unavailable(call);
  }

  /** Likewise. */
  @Rpc(value = "get_mks_console", since = "4.3")
  public Object getMksConsole(RpcCall call) {
    return unavailable(call);
  }

  private Object unavailable(RpcCall call) {
    return Refusals.translated(
        () -> {
          instances.of(call);
          throw ConsoleException.unavailable(consoleType(call));
        });
  }

  private static String consoleType(RpcCall call) {
    return call.text("console_type");
  }

  /**
   * Whether the display that a proxy is about to connect to still is this instance's: the port may
   * be another guest's by now.
   */
  @Rpc(value = "validate_console_port", since = "3.3")
  public Object validateConsolePort(RpcCall call) {
    return Refusals.translated(
        () -> {
          String port = Dicts.text(call.args(), "port");
          return consoleType(call).equals(Consoles.NOVNC)
              && ports
                  .consoles()
                  .display(instances.of(call))
                  .filter(display -> String.valueOf(display.port()).equals(port))
                  .isPresent();
        });
  }

  /** Nova's dict of counters, while it runs; see {@code HypervisorDriver#diagnostics}. */
  @Rpc("get_diagnostics")
  public Object getDiagnostics(RpcCall call) {
    return Refusals.translated(
        () -> {
          Present state = placed(call);
          PowerState power = state.instance().power();
          if (power != PowerState.RUNNING) {
            throw RpcException.nova(
                "InstanceInvalidState",
                "Instance %s in power state %s. Cannot get_diagnostics while the instance is in this state."
                    .formatted(
                        state.instance().id(), power.name().toLowerCase(java.util.Locale.ROOT)));
          }
          return ports.instances().diagnostics(state);
        });
  }

  private Present placed(RpcCall call) {
    Present state = instances.of(call);
    if (state.instance().placement() == null) {
      throw RpcException.nova(
          "InstanceNotReady", "Instance " + state.instance().id() + " is not ready");
    }
    return state;
  }

  // ---- hosts -----------------------------------------------------------------------------------

  /** Not in Nova's libvirt driver either. */
  @Rpc("host_power_action")
  public Object hostPowerAction(RpcCall call) {
    throw RpcException.builtin("NotImplementedError", "The virt driver does not implement this.");
  }

  /**
   * Whether the host gets new servers.
   *
   * @return {@code enabled} or {@code disabled}
   */
  @Rpc("set_host_enabled")
  public Object setHostEnabled(RpcCall call) {
    Object enabled = call.args().get("enabled");
    boolean enable =
        enabled instanceof Boolean b
            ? b
            : OsloBool.parse(String.valueOf(enabled))
                .orElseThrow(
                    () -> RpcException.builtin("ValueError", "'enabled' has to be a boolean"));
    HostId host = Hosts.of(call);
    Requests.caller(call.context(), null);
    return Refusals.translated(
        () -> {
          try {
            ports.services().setDisabled(host, !enable, enable ? null : "set_host_enabled");
          } catch (CatalogException e) {
            throw Hosts.notFound(host);
          }
          return enable ? "enabled" : "disabled";
        });
  }

  /** What {@code uptime} prints there. */
  @Rpc(value = "get_host_uptime", since = "1.1")
  public Object getHostUptime(RpcCall call) {
    return Hosts.known(ports.hosts(), call).report().usage().uptime();
  }

  // ---- of capabilities that are not there ------------------------------------------------------

  @Rpc({"attach_volume", "detach_volume"})
  public Object volumes(RpcCall call) {
    throw Refusals.notYet("Volumes");
  }

  @Rpc({
    "refresh_security_group_rules",
    "refresh_security_group_members",
    "refresh_instance_security_rules",
    "refresh_provider_fw_rules"
  })
  public Object securityGroups(RpcCall call) {
    throw Refusals.notYet("Security groups");
  }
}
