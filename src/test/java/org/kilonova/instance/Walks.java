package org.kilonova.instance;

import java.util.List;
import org.kilonova.instance.BootWalkModel.Sabotage;
import org.kilonova.instance.InstanceEvent.InstanceRequested;
import org.kilonova.kernel.InjectedFile;
import org.kilonova.kernel.InstanceId;

/** Journals of instances to which everything may happen, for tests of what is made of them. */
public final class Walks {
  private Walks() {}

  /** A boot in a world that goes wrong; one seed is one story. */
  public static List<InstanceEvent> boot(long seed) {
    BootWalkModel model = new BootWalkModel(seed, Sabotage.NONE);
    model.play();
    return model.journal();
  }

  /** Lives that together take every arrow of the state machine. */
  public static List<List<InstanceEvent>> lives() {
    return Scenarios.all().stream().map(lab -> List.copyOf(lab.journal)).toList();
  }

  /** The same request for another instance. */
  public static InstanceRequested withId(InstanceRequested e, InstanceId id) {
    InstanceSpec s = e.spec();
    return new InstanceRequested(
        copy(s, id, s.personality(), s.userData(), s.adminPass()), e.context(), e.at());
  }

  /** The same request with secrets in it: this text, wherever a secret can be. */
  public static InstanceRequested withSecrets(InstanceRequested e, String secret) {
    return new InstanceRequested(
        copy(
            e.spec(),
            e.spec().id(),
            List.of(new InjectedFile("/" + secret, secret)),
            secret,
            secret),
        e.context(),
        e.at());
  }

  private static InstanceSpec copy(
      InstanceSpec s,
      InstanceId id,
      List<InjectedFile> personality,
      String userData,
      String adminPass) {
    return new InstanceSpec(
        id,
        s.number(),
        s.name(),
        s.hostname(),
        s.description(),
        s.projectId(),
        s.userId(),
        s.flavor(),
        s.image(),
        s.keyName(),
        s.keyPublic(),
        s.metadata(),
        personality,
        s.configDrive(),
        s.securityGroups(),
        s.networks(),
        userData,
        s.availabilityZone(),
        s.hostHint(),
        s.nodeHint(),
        s.reservationId(),
        s.launchIndex(),
        adminPass,
        s.schedulerHints(),
        s.diskConfig(),
        s.accessIPv4(),
        s.accessIPv6(),
        s.tags(),
        s.trustedImageCertificates(),
        s.serverGroup(),
        s.rootDeviceName(),
        s.requestedAt());
  }
}
