package org.kilonova.node;

import akka.actor.typed.ActorSystem;
import akka.cluster.sharding.typed.javadsl.ClusterSharding;
import akka.cluster.sharding.typed.javadsl.Entity;
import java.time.InstantSource;
import org.kilonova.instance.InstanceEntity;
import org.kilonova.instance.InstanceProtocol;
import org.kilonova.kernel.InstanceId;
import org.kilonova.persistence.Database;

/** The role controller: instances, scheduler, read model, front door. */
final class Controller {
  private final String cloudId;

  private Controller(String cloudId) {
    this.cloudId = cloudId;
  }

  static Controller start(
      ActorSystem<Void> system,
      NodeSettings settings,
      InstantSource clock,
      Database database,
      Database.Settings databaseSettings,
      String cloudId) {
    throw new UnsupportedOperationException("wired as the parts land");
  }

  String cloudId() {
    return cloudId;
  }

  /** Sharding of instances; compute processes only have the proxy. */
  static void initSharding(ActorSystem<?> system, InstanceEntity.Setup setup) {
    ClusterSharding.get(system)
        .init(
            Entity.of(
                    InstanceEntity.TYPE_KEY,
                    context ->
                        InstanceEntity.create(
                            InstanceId.of(context.getEntityId()), context.getShard(), setup))
                .withStopMessage(new InstanceProtocol.Stop())
                .withRole("controller"));
  }
}
