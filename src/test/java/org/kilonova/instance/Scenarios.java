package org.kilonova.instance;

import static org.kilonova.instance.Lab.A;
import static org.kilonova.instance.Lab.B;
import static org.kilonova.instance.Lab.BY_OWNER;
import static org.kilonova.instance.Lab.FIRST;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.kilonova.instance.InstanceProtocol.ChangeDetails;
import org.kilonova.instance.InstanceProtocol.ChangeLock;
import org.kilonova.instance.InstanceProtocol.ChangeMetadata;
import org.kilonova.instance.InstanceProtocol.ChangeTags;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.PowerState;
import org.kilonova.scheduler.SchedulerProtocol.NoValidHost;
import org.kilonova.testing.Samples;

/**
 * Lives of instances, told by what happens to them from outside; the decider, the table and the
 * plan do the rest. Together they take every arrow of the state machine.
 */
final class Scenarios {
  private static final Samples EVERYTHING =
      new Samples(Map.of(HostId.class, List.of(A), Attempt.class, List.of(FIRST)));

  private Scenarios() {}

  /** The lives that are kept as golden journals: names are file names. */
  static Map<String, Lab> golden() {
    Map<String, Lab> lives = new LinkedHashMap<>();
    lives.put("smooth-boot", Lab.at(Phase.ACTIVE));
    Lab full = new Lab((InstanceSpec) EVERYTHING.of(InstanceSpec.class).get(0));
    full.boot(A).spawned().activated();
    lives.put("every-attribute", full);
    lives.put("reschedule", live(Phase.ABSENT, Scenarios::reschedule));
    lives.put("failed-build", live(Phase.ABSENT, Scenarios::failedBuild));
    lives.put("lifecycle", live(Phase.ACTIVE, Scenarios::lifecycle));
    lives.put(
        "delete-mid-boot",
        live(Phase.SPAWNING, lab -> lab.delete().discarded(A, FIRST).released()));
    lives.put(
        "fixed-addresses",
        live(
            Phase.ACTIVE,
            lab -> {
              changeAddresses(lab);
              lab.delete().discarded(A, FIRST).released();
            }));
    return lives;
  }

  /** All lives. */
  static List<Lab> all() {
    List<Lab> all = new ArrayList<>(golden().values());
    all.add(Lab.at(Phase.DELETED));
    all.addAll(deletions());
    all.addAll(buildFailures());
    all.addAll(lostHosts());
    all.addAll(tasks());
    all.addAll(observations());
    all.addAll(resets());
    all.addAll(changes());
    all.addAll(debts());
    return all;
  }

  /** The first host has no room, the alternate fails, the third one serves. */
  private static void reschedule(Lab lab) {
    lab.request().selected(A, B).refused();
    lab.networksReady().plan();
    lab.spawnFailed(false).discarded(A, FIRST);
    lab.selected(Lab.C).networksReady().plan();
    lab.spawned().activated().discarded(B, FIRST.next()).plan();
  }

  private static void failedBuild(Lab lab) {
    lab.boot(A).spawnFailed(true).discarded(A, FIRST).released();
  }

  private static void lifecycle(Lab lab) {
    lab.task(TaskKind.POWERING_OFF).workDone();
    lab.task(TaskKind.POWERING_ON).workDone();
    lab.task(TaskKind.REBOOTING).workFailed(PowerState.RUNNING);
    lab.task(TaskKind.REBOOTING_HARD).workDone();
    change(lab);
    changeMore(lab);
    lab.observed(PowerState.SHUTDOWN).delete().discarded(A, FIRST).released();
  }

  private static List<Lab> deletions() {
    return each(present(), Lab::delete);
  }

  private static List<Lab> buildFailures() {
    List<Lab> all = each(building(), lab -> lab.reset(true));
    all.add(
        live(
            Phase.SCHEDULING,
            lab -> lab.answer(new NoValidHost(lab.id, FIRST, "RAM dropped 3", false))));
    return all;
  }

  private static List<Lab> lostHosts() {
    return each(
        List.of(Phase.NETWORKING, Phase.BLOCK_DEVICE_MAPPING, Phase.SPAWNING),
        lab -> lab.host(A, Hosts.Status.GONE).plan());
  }

  private static List<Lab> tasks() {
    List<Lab> all = new ArrayList<>();
    for (TaskKind kind : TaskKind.values()) {
      for (Phase phase : List.of(Phase.ACTIVE, Phase.STOPPED, Phase.ERROR)) {
        Lab done = Lab.at(phase);
        if (done.startTask(kind, "req-t").refused() == null) {
          done.workDone();
          all.add(done);
          all.add(live(phase, lab -> lab.task(kind).workFailed(PowerState.NOSTATE)));
        }
      }
    }
    return all;
  }

  private static List<Lab> observations() {
    List<Lab> all =
        each(
            List.of(Phase.ACTIVE, Phase.STOPPED, Phase.ERROR),
            lab -> lab.observed(PowerState.SUSPENDED));
    all.add(live(Phase.ACTIVE, lab -> lab.observed(PowerState.SHUTDOWN)));
    // A stopped instance that runs is stopped again.
    all.add(live(Phase.STOPPED, lab -> lab.observed(PowerState.RUNNING).workDone()));
    return all;
  }

  private static List<Lab> resets() {
    List<Phase> settled = List.of(Phase.ACTIVE, Phase.STOPPED, Phase.ERROR);
    List<Lab> all = each(settled, lab -> lab.reset(true));
    all.addAll(each(settled, lab -> lab.reset(false)));
    return all;
  }

  private static List<Lab> changes() {
    List<Phase> phases = new ArrayList<>(present());
    phases.add(Phase.DELETING);
    List<Lab> all = each(phases, Scenarios::change);
    all.addAll(each(List.of(Phase.ACTIVE, Phase.STOPPED), Scenarios::changeMore));
    all.addAll(each(List.of(Phase.ACTIVE, Phase.STOPPED, Phase.ERROR), Scenarios::changeAddresses));
    return all;
  }

  private static void change(Lab lab) {
    lab.tell(
        new ChangeDetails(
            new InstanceDetails("new", "d", "new", null, null, "MANUAL"), BY_OWNER, false, null));
    lab.tell(new ChangeLock(new Lock("owner", null), BY_OWNER, false, null));
    lab.tell(new ChangeLock(null, BY_OWNER, false, null));
  }

  /** What only a running or stopped instance takes. */
  private static void changeMore(Lab lab) {
    lab.tell(new ChangeMetadata(false, Map.of("k", "v"), List.of(), 128, BY_OWNER, false, null));
    lab.tell(new ChangeTags(true, List.of("blue"), List.of(), 50, BY_OWNER, false, null));
  }

  private static void changeAddresses(Lab lab) {
    lab.addresses(1, true, "10.0.0.5", "10.0.0.6").addresses(2, false, "10.0.0.5");
  }

  /** Host A still owes a clean-up while the instance goes on to each later phase on host B. */
  private static List<Lab> debts() {
    List<Consumer<Lab>> ways =
        List.of(
            lab -> {},
            lab -> lab.selected(B),
            lab -> lab.selected(B).networksReady(),
            lab -> lab.selected(B).networksReady().plan(),
            lab -> bootOnB(lab).spawned(),
            lab -> bootOnB(lab).spawned().activated(),
            lab -> bootOnB(lab).spawned().activated().task(TaskKind.POWERING_OFF).workDone(),
            lab -> bootOnB(lab).spawnFailed(true),
            Lab::delete,
            lab -> lab.delete().plan());
    List<Lab> all = new ArrayList<>();
    for (Consumer<Lab> way : ways) {
      all.add(
          live(
              Phase.NETWORKING,
              lab -> {
                lab.host(A, Hosts.Status.GONE).plan();
                way.accept(lab);
                lab.host(A, Hosts.Status.UP).discarded(A, FIRST);
              }));
    }
    return all;
  }

  private static Lab bootOnB(Lab lab) {
    lab.selected(B).networksReady().plan();
    return lab;
  }

  private static List<Phase> building() {
    return List.of(
        Phase.SCHEDULING,
        Phase.NETWORKING,
        Phase.BLOCK_DEVICE_MAPPING,
        Phase.SPAWNING,
        Phase.ACTIVATING);
  }

  private static List<Phase> present() {
    List<Phase> all = new ArrayList<>(building());
    all.addAll(List.of(Phase.ACTIVE, Phase.STOPPED, Phase.ERROR));
    return all;
  }

  private static List<Lab> each(List<Phase> phases, Consumer<Lab> what) {
    return new ArrayList<>(phases.stream().map(p -> live(p, what)).toList());
  }

  private static Lab live(Phase from, Consumer<Lab> what) {
    Lab lab = Lab.at(from);
    what.accept(lab);
    return lab;
  }

  /** Every phase, for tests that go through them. */
  static List<Phase> phases() {
    return Arrays.asList(Phase.values());
  }
}
