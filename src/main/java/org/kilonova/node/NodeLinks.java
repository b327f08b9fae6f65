package org.kilonova.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.ActorSystem;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import java.util.List;
import java.util.concurrent.Executor;
import org.kilonova.compute.HostDirectory;
import org.kilonova.instance.InstanceEntity;
import org.kilonova.instance.InstanceLinks;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.instance.Plan;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks;
import org.kilonova.network.Networks.NoMoreAddressesException;
import org.kilonova.network.Networks.RequestedNetwork;
import org.kilonova.scheduler.SchedulerProtocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The instances' participants as this node reaches them. */
final class NodeLinks implements InstanceLinks {
  private static final Logger LOG = LoggerFactory.getLogger(NodeLinks.class);

  private final ClusterSharding sharding;
  private final ActorRef<SchedulerProtocol.Command> scheduler;
  private final HostDirectory.View hosts;
  private final Networks networks;
  private final Executor blocking;

  NodeLinks(
      ActorSystem<?> system,
      ActorRef<SchedulerProtocol.Command> scheduler,
      HostDirectory.View hosts,
      Networks networks,
      Executor blocking) {
    this.sharding = ClusterSharding.get(system);
    this.scheduler = scheduler;
    this.hosts = hosts;
    this.networks = networks;
    this.blocking = blocking;
  }

  @Override
  public Status status(HostId host) {
    return switch (hosts.presence(host)) {
      case UP -> Status.UP;
      case AWAY -> Status.AWAY;
      case GONE -> Status.GONE;
    };
  }

  @Override
  public void askScheduler(Plan.AskScheduler ask) {
    scheduler.tell(new SchedulerProtocol.SelectHosts(ask.request()));
  }

  @Override
  public void refusedBy(InstanceId id, Plan.RefusedBy refusal) {
    scheduler.tell(new SchedulerProtocol.ClaimRefused(id, refusal.attempt(), refusal.host()));
  }

  @Override
  public void tellHost(Plan.TellHost message) {
    if (!hosts.tell(message.host(), message.command())) {
      LOG.debug(
          "{}: host {} is away, {} of {} waits",
          message.command().requestId(),
          message.host(),
          message.command().getClass().getSimpleName(),
          message.command().id());
    }
  }

  @Override
  public void allocateNetworks(
      InstanceId id,
      Attempt attempt,
      String projectId,
      HostId host,
      List<RequestedNetwork> requested,
      String requestId) {
    if (requested.isEmpty()) {
      tell(id, new InstanceProtocol.NetworksReady(attempt, List.of()));
      return;
    }
    blocking.execute(
        () -> {
          try {
            tell(
                id,
                new InstanceProtocol.NetworksReady(
                    attempt, networks.allocateForInstance(id, projectId, host, requested)));
          } catch (NoMoreAddressesException | Networks.UnknownNetworkException e) {
            tell(id, new InstanceProtocol.NetworksFailed(attempt, false, e.getMessage()));
          } catch (RuntimeException e) {
            // The instance asks again; the database may be away for a moment.
            LOG.warn(
                "{}: networks of {} could not be allocated for now: {}",
                requestId,
                id,
                e.toString());
          }
        });
  }

  @Override
  public void releaseNetworks(InstanceId id, String requestId) {
    blocking.execute(
        () -> {
          try {
            networks.deallocateForInstance(id);
            tell(id, new InstanceProtocol.NetworksReleased());
          } catch (RuntimeException e) {
            LOG.warn(
                "{}: networks of {} could not be released for now: {}",
                requestId,
                id,
                e.toString());
          }
        });
  }

  private void tell(InstanceId id, InstanceProtocol.Command command) {
    sharding.entityRefFor(InstanceEntity.TYPE_KEY, id.toString()).tell(command);
  }
}
