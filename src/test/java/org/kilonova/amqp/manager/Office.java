package org.kilonova.amqp.manager;

import static org.assertj.core.api.Assertions.catchThrowable;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.RpcCall;
import org.kilonova.amqp.service.RpcException;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.boot.Boots;
import org.kilonova.catalog.CatalogException;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.catalog.HostService;
import org.kilonova.compute.ComputeProtocol.Allocation;
import org.kilonova.compute.HostDirectory;
import org.kilonova.console.ConsoleAuthTokens;
import org.kilonova.console.ConsoleAuthTokens.Authorization;
import org.kilonova.console.Consoles;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.readmodel.InstanceQueries;
import org.kilonova.readmodel.InstanceQuery;
import org.kilonova.readmodel.InstanceRow;
import org.kilonova.scheduler.SchedulerProtocol.Answer;
import org.kilonova.scheduler.SchedulerProtocol.NotReady;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.testing.FakeBootReferences;
import org.kilonova.testing.FakeDisplays;
import org.kilonova.testing.FakeInstances;
import org.kilonova.testing.FakeNetworks;
import org.kilonova.testing.FakeQuotas;
import org.kilonova.testing.TestServers;

/** All our managers on ports in memory; messages are JSON, where single quotes do. */
final class Office {
  private static final ObjectMapper JSON = new ObjectMapper();

  final FakeInstances instances = new FakeInstances(() -> TestServers.T0, row -> {});
  final FakeQuotas quotas = new FakeQuotas();
  final FakeNetworks networks = new FakeNetworks();
  final FakeBootReferences references = new FakeBootReferences();
  final Map<HostId, Boolean> disabled = new HashMap<>(Map.of(TestServers.HOST, false));
  final List<RequestSpec> asked = new ArrayList<>();
  final List<Manager> managers;

  /** How the scheduler answers. */
  Function<RequestSpec, Answer> scheduler =
      request -> new NotReady(request.id(), request.attempt(), Duration.ofSeconds(1));

  /** Of the context of what is called from here on. */
  final Map<String, Object> context =
      new LinkedHashMap<>(
          Map.of(
              "request_id",
              "req-1",
              "user_id",
              "user1",
              "project_id",
              TestServers.PROJECT,
              "roles",
              List.of("member")));

  /** Of what is called from here on. */
  String messageId = "message-1";

  String version = "2.0";
  String server;

  final FakeDisplays displays = new FakeDisplays();
  final Map<String, Authorization> authorized = new HashMap<>();
  private final OwnMethods methods;

  Office() {
    managers =
        OwnManagers.of(
            new OwnManagers.Ports(
                new Queries(),
                instances,
                new Boots(
                    new Boots.Ports(references, networks, quotas, instances, () -> TestServers.T0),
                    Boots.Settings.DEFAULT),
                new HostDirectory.View(() -> TestServers.T0, Duration.ZERO),
                new Services(),
                networks,
                networks,
                new Consoles(
                    new Tokens(), new Queries(), displays, "http://127.0.0.1:6080/vnc.html"),
                request -> {
                  asked.add(request);
                  return CompletableFuture.completedFuture(scheduler.apply(request));
                }),
            List.of("scheduler", "compute", "network", "volume", "consoleauth"));
    methods = new OwnMethods(managers);
  }

  /** Tokens in memory, which never expire. */
  private final class Tokens implements ConsoleAuthTokens {
    @Override
    public String authorize(Authorization authorization) {
      String token = "token-" + authorized.size();
      authorize(token, authorization);
      return token;
    }

    @Override
    public void authorize(String token, Authorization authorization) {
      authorized.putIfAbsent(token, authorization);
    }

    @Override
    public Optional<Authorization> find(String token) {
      return Optional.ofNullable(authorized.get(token));
    }

    @Override
    public void revoke(InstanceId instance) {
      authorized.values().removeIf(a -> instance.equals(a.instance()));
    }
  }

  /** Calls a method as a message with these arguments would. */
  Object call(String topic, String method, String args) {
    return methods.call(topic, message(method, args));
  }

  RpcCall message(String method, String args) {
    return new RpcCall(
        new RpcContext(context), method, json(args), version, messageId, server, false);
  }

  /** What it refuses with. */
  RpcException refusal(String topic, String method, String args) {
    Throwable thrown = catchThrowable(() -> call(topic, method, args));
    if (thrown instanceof RpcException e) {
      return e;
    }
    throw new AssertionError("not refused: " + method, thrown);
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> json(String text) {
    try {
      return JSON.readValue(text.replace('\'', '"'), Map.class);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  private final class Queries implements InstanceQueries {
    @Override
    public Optional<InstanceRow> find(InstanceId id) {
      return instances.state(id) instanceof Present present
          ? Optional.of(new InstanceRow(present, instances.history(id).size()))
          : Optional.empty();
    }

    @Override
    public Optional<InstanceRow> find(int number) {
      return instances.ids().stream()
          .flatMap(id -> find(id).stream())
          .filter(row -> row.state().instance().spec().number() == number)
          .findFirst();
    }

    @Override
    public Page list(InstanceQuery query) {
      throw new UnsupportedOperationException();
    }
  }

  /** Services that can be disabled. */
  private final class Services implements ComputeServices {
    private HostService service(HostId host) {
      return new HostService(
          1,
          new UUID(0, 1),
          new UUID(0, 2),
          host,
          disabled.get(host),
          null,
          false,
          TestServers.T0,
          null);
    }

    @Override
    public Optional<HostService> find(HostId host) {
      return disabled.containsKey(host) ? Optional.of(service(host)) : Optional.empty();
    }

    @Override
    public HostService setDisabled(HostId host, boolean disable, String reason) {
      if (!disabled.containsKey(host)) {
        throw CatalogException.notFound("no such host");
      }
      disabled.put(host, disable);
      return service(host);
    }

    @Override
    public List<HostService> list() {
      return disabled.keySet().stream().map(this::service).toList();
    }

    @Override
    public Optional<HostService> find(UUID uuid) {
      throw new UnsupportedOperationException();
    }

    @Override
    public List<HostService> find(Collection<HostId> hosts) {
      throw new UnsupportedOperationException();
    }

    @Override
    public List<Hosted> servers(HostId host) {
      throw new UnsupportedOperationException();
    }

    @Override
    public Map<HostId, List<Allocation>> allocations(Collection<HostId> hosts) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void appeared(HostId host, HostService.Report report) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void wentAway(HostId host) {
      throw new UnsupportedOperationException();
    }

    @Override
    public HostService setForcedDown(HostId host, boolean forcedDown) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void delete(HostId host) {
      throw new UnsupportedOperationException();
    }
  }
}
