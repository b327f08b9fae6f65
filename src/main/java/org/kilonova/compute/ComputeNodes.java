package org.kilonova.compute;

import akka.actor.typed.receptionist.ServiceKey;

/** How compute processes are found. */
public final class ComputeNodes {
  public static final ServiceKey<ComputeProtocol.NodeCommand> KEY =
      ServiceKey.create(ComputeProtocol.NodeCommand.class, "compute-node");

  private ComputeNodes() {}
}
