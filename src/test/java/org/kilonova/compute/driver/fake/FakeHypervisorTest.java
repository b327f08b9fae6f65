package org.kilonova.compute.driver.fake;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.compute.driver.DomainInfo;
import org.kilonova.compute.driver.DomainSpec;
import org.kilonova.compute.driver.fake.FakeHypervisor.Transition;
import org.kilonova.kernel.Attempt;
import org.kilonova.kernel.HostId;
import org.kilonova.kernel.InstanceId;
import org.kilonova.kernel.PowerState;

/** What a kill between two writes leaves, and what the oracle makes of histories. */
class FakeHypervisorTest {
  private static final HostId OTHER = new HostId("host-2");

  @TempDir Path dir;
  private final InstanceId id = InstanceId.random();

  private DomainSpec spec(Attempt attempt, HostId host) {
    return Fakes.spec(id, attempt, 1, host);
  }

  private FakeDriver host(HostId host) {
    return Fakes.works(dir, host);
  }

  private FakeDriver running() {
    FakeDriver driver = host(Fakes.HOST);
    driver.spawnPaused(spec(Attempt.FIRST, Fakes.HOST), step -> {});
    driver.resume(id, Attempt.FIRST);
    return driver;
  }

  private Path file(String name) {
    return dir.resolve(Fakes.HOST.name()).resolve(name);
  }

  private void append(String line) throws IOException {
    Files.writeString(file("log"), line, StandardOpenOption.APPEND);
  }

  @Test
  void logKeepsTheWholeHistoryInOrder() {
    FakeDriver driver = running();
    driver.powerOff(id);
    driver.powerOn(spec(Attempt.FIRST, Fakes.HOST));
    driver.destroy(id, Attempt.FIRST);
    assertThat(FakeHypervisor.readLog(dir.resolve(Fakes.HOST.name())))
        .extracting(FakeHypervisor.Line::what)
        .containsExactly(
            Transition.DEFINED,
            Transition.PAUSED,
            Transition.RUNNING,
            Transition.OFF,
            Transition.RUNNING,
            Transition.DESTROYED);
    assertThat(new FakeHypervisorOracle(dir).starts(id)).isEqualTo(2);
  }

  @Test
  void whatTheLogSaysLastIsWhatThereIs() throws IOException {
    running().close();
    append("1 " + id + " 1 off\n");
    assertThat(host(Fakes.HOST).powerState(id)).isEqualTo(PowerState.SHUTDOWN);
    assertThat(new FakeHypervisorOracle(dir).running(id)).isEmpty();
  }

  @Test
  void killedInTheMiddleOfARemovalItIsFinishedAndTheDiskIsFound() throws IOException {
    running().close();
    append("1 " + id + " 1 destroyed\n");
    FakeDriver driver = host(Fakes.HOST);
    assertThat(driver.find(id)).isEmpty();
    assertThat(new FakeHypervisorOracle(dir).domains(id)).isEmpty();
    assertThat(driver.leftovers()).hasSize(1);
  }

  @Test
  void domainsAreTheSameForTheNextAgent() {
    FakeDriver driver = running();
    List<DomainInfo> before = FakeHypervisor.read(dir.resolve(Fakes.HOST.name()));
    driver.close();
    assertThat(before).singleElement().extracting(DomainInfo::power).isEqualTo(PowerState.RUNNING);
    assertThat(host(Fakes.HOST).find(id)).contains(before.getFirst());
  }

  @Test
  void aDomainWhoseFirstLineIsCutOffNeverWas() throws IOException {
    running().close();
    List<String> lines = Files.readAllLines(file("log"));
    String defined = lines.stream().filter(line -> line.contains(" defined ")).findFirst().get();
    Files.writeString(
        file("log"), lines.getFirst() + "\n" + defined.substring(0, defined.length() - 1));
    FakeDriver driver = host(Fakes.HOST);
    assertThat(driver.find(id)).isEmpty();
    assertThat(driver.leftovers()).as("its disk").hasSize(1);
  }

  @Test
  void aCutLineDoesNoHarm() throws IOException {
    running().close();
    append("17 " + id + " 1 o");
    FakeDriver driver = host(Fakes.HOST);
    assertThat(driver.powerState(id)).isEqualTo(PowerState.RUNNING);
    driver.powerOff(id);
    assertThat(FakeHypervisor.readLog(dir.resolve(Fakes.HOST.name())))
        .last()
        .extracting(FakeHypervisor.Line::what)
        .isEqualTo(Transition.OFF);
  }

  @Test
  void oracleSeesAllHosts() {
    running();
    host(OTHER).spawnPaused(spec(Attempt.FIRST.next(), OTHER), step -> {});
    FakeHypervisorOracle oracle = new FakeHypervisorOracle(dir);
    assertThat(oracle.hosts()).containsExactly(Fakes.HOST, OTHER);
    assertThat(oracle.domains(id)).hasSize(2);
    assertThat(oracle.running(id)).containsExactly(Fakes.HOST);
    assertThat(oracle.twiceRunning()).as("one runs, one is paused").isEmpty();
  }

  @Test
  void oracleFindsWhatRanTwiceAtOnceEvenIfItIsOver() {
    FakeDriver first = running();
    FakeDriver second = host(OTHER);
    Attempt next = Attempt.FIRST.next();
    second.spawnPaused(spec(next, OTHER), step -> {});
    second.resume(id, next);
    first.destroy(id, Attempt.FIRST);
    assertThat(new FakeHypervisorOracle(dir).twiceRunning())
        .singleElement()
        .satisfies(
            twice -> {
              assertThat(twice.id()).isEqualTo(id);
              assertThat(twice.places())
                  .containsExactlyInAnyOrder("host-1 attempt 1", "host-2 attempt 2");
            });
  }

  @Test
  void oracleIsContentWithOneAfterTheOther() {
    FakeDriver first = running();
    first.destroy(id, Attempt.FIRST);
    FakeDriver second = host(OTHER);
    Attempt next = Attempt.FIRST.next();
    second.spawnPaused(spec(next, OTHER), step -> {});
    second.resume(id, next);
    assertThat(new FakeHypervisorOracle(dir).twiceRunning()).isEmpty();
  }

  @Test
  void oracleCountsLeakedDisks() throws IOException {
    running();
    InstanceId leaked = InstanceId.random();
    append("1 " + leaked + " 1 disk_made\n");
    assertThat(new FakeHypervisorOracle(dir).leakedDisks())
        .containsOnlyKeys(Fakes.HOST)
        .containsValue(List.of(leaked));
  }
}
