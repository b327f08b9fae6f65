package org.kilonova.bench;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class ProcessesTest {
  @Test
  void ticksAreOwnAndThoseOfEndedChildrenWhateverTheProcessIsCalled() {
    String stat =
        "4711 (postgres: 1 (x) 2) S 1 4711 4711 0 -1 4194560 1 2 3 4 1000 200 30 4 20 0 1 0 5 6";
    assertThat(Processes.ticks(stat)).isEqualTo(1234);
  }

  @Test
  void aMachineIsNotBusyWhileItWaits() {
    String stat =
        """
        cpu  1000 200 30 999999 888888 4 5 6 777 66
        cpu0 1 1 1 1 1 1 1 1 1 1
        """;
    assertThat(Processes.busyTicks(stat)).isEqualTo(1245);
  }

  @Test
  void whatIsNeitherTheCloudsNorOursIsSomebodyElses() {
    Processes.Cpu cpu = new Processes.Cpu(100, 20, 30, 200);
    assertThat(cpu.cloud()).isEqualTo(120);
    assertThat(cpu.others()).isEqualTo(50);
  }

  @Test
  void memoryIsThePssAndNotItsParts() {
    String rollup =
        """
        55d0 7ffc ---p 00000000 00:00 0 [rollup]
        Rss:              999999 kB
        Pss:                1234 kB
        Pss_Anon:            888 kB
        """;
    assertThat(Processes.pssKib(rollup)).isEqualTo(1234);
  }

  @Test
  void aProcessThatComputesUsesProcessorTime() {
    long self = ProcessHandle.current().pid();
    Processes us = new Processes(self, ProcessHandle.current().parent().orElseThrow().pid());
    Processes.Cpu before = us.cpu();
    long spun = 0;
    for (long end = System.nanoTime() + 100_000_000; System.nanoTime() < end; ) {
      spun++;
    }
    assertThat(spun).isPositive();
    // the tree below our parent has us in it: it is not counted twice
    assertThat(us.cpu().since(before).postgres()).isPositive();
    assertThat(us.cpu().since(before).jvm()).isZero();
    assertThat(us.cpu().since(before).machine()).isPositive();
    assertThat(us.pss()).isPositive();
  }

  @Test
  void aDatabaseThatTheJvmStartedIsNotPartOfTheJvm() throws Exception {
    long self = ProcessHandle.current().pid();
    Process child = new ProcessBuilder("sleep", "600").start();
    try {
      assertThat(new Processes(self, child.pid()).jvmTree())
          .contains(self)
          .doesNotContain(child.pid());
    } finally {
      child.destroyForcibly().waitFor();
    }
  }
}
