package org.kilonova.scheduler;

import static org.assertj.core.api.Assertions.assertThat;
import static org.kilonova.scheduler.TestHosts.allocation;
import static org.kilonova.scheduler.TestRequest.request;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.kilonova.kernel.InstanceId;
import org.kilonova.scheduler.SchedulerDriver.Choice;
import org.kilonova.scheduler.SchedulerDriver.Method;
import org.kilonova.scheduler.SchedulerProtocol.RequestSpec;
import org.kilonova.scheduler.filter.Filters;
import org.kilonova.scheduler.weigh.Weighers;

class DriversTest {
  private static final List<HostFilter> FILTERS =
      List.of(new Filters.ComputeFilter(), new Filters.RamFilter(), new Filters.RetryFilter());

  private final TestHosts hosts = new TestHosts();

  private static FilterScheduler filter(int subset, long seed) {
    return new FilterScheduler(
        FILTERS, List.of(new Weighers.RAMWeigher()), Map.of(), subset, new Random(seed));
  }

  private static List<String> names(Choice choice) {
    return choice.hosts().stream().map(h -> h.host().name()).toList();
  }

  private Choice schedule(SchedulerDriver driver, TestRequest request) {
    return driver.schedule(Method.RUN_INSTANCE, request.build(), hosts.snapshot(), 3);
  }

  @Test
  void explanationSaysWhichFilterDroppedHowManyWhyAndWhatWasChosen() {
    hosts.with("h1", "h2").service("h1", true, "maintenance", false);
    hosts.holds("h3", allocation(InstanceId.random(), 1, 16_384, null));
    assertThat(schedule(filter(1, 1), request()).explanation())
        .isEqualTo(
            "3 hosts: ComputeFilter dropped 1 (disabled: maintenance), RamFilter dropped 1,"
                + " chosen h2 (weight 1.00)");
  }

  @Test
  void explanationCountsDifferentReasons() {
    hosts.with("h1", "h2", "h3").down("h1").down("h2").service("h3", true, "broken fan", false);
    assertThat(schedule(filter(1, 1), request()).explanation())
        .isEqualTo("3 hosts: ComputeFilter dropped 3 (2 down, 1 disabled: broken fan)");
  }

  @Test
  void explanationOfAnEmptyCloudAndOfAnUndisputedChoice() {
    assertThat(schedule(filter(1, 1), request()).explanation()).isEqualTo("0 hosts");
    hosts.with("h1");
    assertThat(schedule(filter(1, 1), request()).explanation())
        .isEqualTo("1 host: chosen h1 (weight 1.00)");
  }

  @Test
  void bestHostComesFirstAndTheNextBestAreAlternates() {
    hosts.with("h1");
    hosts.holds("h2", allocation(InstanceId.random(), 1, 4096, null));
    hosts.holds("h3", allocation(InstanceId.random(), 1, 2048, null));
    hosts.holds("h4", allocation(InstanceId.random(), 1, 8192, null));
    assertThat(names(schedule(filter(1, 1), request()))).containsExactly("h1", "h3", "h2");
  }

  @Test
  void weightsOfSeveralWeighersAddUpWithTheirMultipliers() {
    hosts.with("h1").busy("h2", 0, 1);
    FilterScheduler both =
        new FilterScheduler(
            List.of(),
            List.of(new Weighers.RAMWeigher(), new Weighers.IoOpsWeigher()),
            Map.of("RAMWeigher", 0.5, "IoOpsWeigher", -2.0),
            1,
            new Random(1));
    assertThat(schedule(both, request()).explanation())
        .isEqualTo("2 hosts: chosen h1 (weight 0.50)");
  }

  @Test
  void equalsAreChosenAtRandomButTheSameWithTheSameSeed() {
    hosts.with("h1", "h2", "h3", "h4");
    FilterScheduler one = filter(1, 42);
    FilterScheduler another = filter(1, 42);
    Set<String> first = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      List<String> chosen = names(schedule(one, request()));
      assertThat(names(schedule(another, request()))).isEqualTo(chosen);
      first.add(chosen.get(0));
    }
    assertThat(first).hasSize(4);
  }

  @Test
  void subsetTakesOneOfTheBestOnly() {
    hosts.with("h1");
    hosts.holds("h2", allocation(InstanceId.random(), 1, 1024, null));
    hosts.holds("h3", allocation(InstanceId.random(), 1, 8192, null));
    FilterScheduler two = filter(2, 1);
    Set<String> chosen = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      chosen.add(names(schedule(two, request())).get(0));
    }
    assertThat(chosen).containsExactlyInAnyOrder("h1", "h2");
  }

  @Test
  void filterOrWeigherThatThrowsDoesNotStopTheScheduler() {
    hosts.with("h1", "h2");
    HostFilter broken =
        new HostFilter() {
          @Override
          public boolean passes(HostView host, RequestSpec request, Snapshot snapshot) {
            if (host.host().name().equals("h1")) {
              throw new IllegalStateException("broken");
            }
            return true;
          }

          @Override
          public String name() {
            return "Broken";
          }
        };
    HostWeigher none =
        (host, request) -> {
          throw new IllegalStateException("broken");
        };
    FilterScheduler driver =
        new FilterScheduler(List.of(broken), List.of(none), Map.of(), 1, new Random(1));
    assertThat(schedule(driver, request()).explanation())
        .isEqualTo(
            "2 hosts: Broken dropped 1 (failed: IllegalStateException), chosen h2 (weight 0.00)");
  }

  @Test
  void chanceTakesAnyHostThatIsUpEnabledAndDidNotFailBefore() {
    hosts.with("h1", "h2", "h3", "h4").down("h1").service("h2", true, "x", false);
    ChanceScheduler chance = new ChanceScheduler(new Random(1));
    Set<String> chosen = new HashSet<>();
    for (int i = 0; i < 50; i++) {
      chosen.addAll(names(schedule(chance, request().takes(1000, 1, 1))));
    }
    assertThat(chosen).containsExactlyInAnyOrder("h3", "h4");
    assertThat(names(schedule(chance, request().excluded("h3")))).containsExactly("h4");
    assertThat(schedule(chance, request().excluded("h3")).explanation())
        .isEqualTo(
            "4 hosts: ComputeFilter dropped 2 (1 down, 1 disabled: x), RetryFilter dropped 1,"
                + " chosen h4 by chance");
    assertThat(schedule(chance, request().excluded("h3").excluded("h4")).hosts()).isEmpty();
  }

  private static SchedulerDriver saying(String text) {
    return (request, snapshot, wanted) -> new Choice(List.of(), text);
  }

  @Test
  void multiAsksTheTopicsDriverAndElseTheGenericOne() {
    MultiScheduler multi =
        new MultiScheduler(Map.of("volume", saying("volume's")), saying("any's"));
    assertThat(
            multi
                .schedule(new Method("volume", "create_volume"), request().build(), null, 1)
                .explanation())
        .isEqualTo("volume's");
    assertThat(schedule(multi, request()).explanation()).isEqualTo("any's");
    assertThat(multi.schedule(request().build(), null, 1).explanation()).isEqualTo("any's");
  }

  @Test
  void methodThatADriverHasNothingSpecialForFallsToItsGenericSchedule() {
    SchedulerDriver special =
        new SchedulerDriver() {
          @Override
          public Choice schedule(RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
            return new Choice(List.of(), "generic");
          }

          @Override
          public Choice schedule(
              Method method, RequestSpec request, HostFilter.Snapshot snapshot, int wanted) {
            return method.name().equals("prep_resize")
                ? new Choice(List.of(), "prep_resize")
                : schedule(request, snapshot, wanted);
          }
        };
    MultiScheduler multi = new MultiScheduler(Map.of("compute", special), saying("other"));
    assertThat(schedule(multi, request()).explanation()).isEqualTo("generic");
    assertThat(
            multi
                .schedule(new Method("compute", "prep_resize"), request().build(), null, 1)
                .explanation())
        .isEqualTo("prep_resize");
  }
}
