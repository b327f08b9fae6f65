package org.kilonova.amqp.manager;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.function.Function;
import org.kilonova.amqp.service.Manager;
import org.kilonova.boot.Boots;
import org.kilonova.catalog.ComputeServices;
import org.kilonova.compute.HostDirectory;
import org.kilonova.console.Consoles;
import org.kilonova.instance.Instances;
import org.kilonova.kernel.ConfigurationException;
import org.kilonova.network.Allocations;
import org.kilonova.network.Networks;
import org.kilonova.readmodel.InstanceQueries;
import org.kilonova.scheduler.SchedulerProtocol.Answer;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;

/** Our own managers, to be registered beside third parties'. */
public final class OwnManagers {
  private OwnManagers() {}

  /**
   * What they work with.
   *
   * @param queries the read model
   * @param instances the entities
   * @param boots the way to new ones
   * @param allocated what the network service has given out
   * @param scheduler asks the scheduler for destinations
   */
  public record Ports(
      InstanceQueries queries,
      Instances instances,
      Boots boots,
      HostDirectory.View hosts,
      ComputeServices services,
      Networks networks,
      Allocations allocated,
      Consoles consoles,
      Function<RequestSpec, CompletionStage<Answer>> scheduler) {}

  /**
   * Those of these topics.
   *
   * @throws ConfigurationException if there is no manager of ours for one
   */
  public static List<Manager> of(Ports ports, Collection<String> topics) {
    List<Manager> behind =
        List.of(
            new ComputeManager(ports),
            new NetworkManager(ports),
            new VolumeManager(),
            new ConsoleAuthManager(ports));
    List<Manager> all = new ArrayList<>(behind);
    all.add(new SchedulerManager(ports, new OwnMethods(behind)));
    for (String topic : topics) {
      if (all.stream().noneMatch(m -> m.topic().equals(topic))) {
        throw new ConfigurationException(
            "kilonova.amqp.topics",
            "there is no manager of ours for '"
                + topic
                + "'; there are "
                + all.stream().map(Manager::topic).sorted().toList());
      }
    }
    return all.stream().filter(m -> topics.contains(m.topic())).toList();
  }
}
