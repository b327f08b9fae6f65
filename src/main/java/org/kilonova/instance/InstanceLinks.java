package org.kilonova.instance;

import java.util.List;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.network.Networks.RequestedNetwork;

/**
 * How an instance reaches its participants. All methods return at once; what comes back comes as a
 * command to the instance's id through sharding, since the instance may have moved by then. Nothing
 * here is reliable: the plan repeats what is still pending. Request ids are for the log.
 */
public interface InstanceLinks extends Hosts {
  void askScheduler(Plan.AskScheduler ask);

  void refusedBy(InstanceId id, Plan.RefusedBy refusal);

  void tellHost(Plan.TellHost message);

  void allocateNetworks(
      InstanceId id,
      Attempt attempt,
      String projectId,
      HostId host,
      List<RequestedNetwork> networks,
      String requestId);

  void releaseNetworks(InstanceId id, String requestId);
}
