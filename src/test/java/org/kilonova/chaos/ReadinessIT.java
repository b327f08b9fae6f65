package org.kilonova.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.chaos.ChaosCluster.Member;

/** Whoever asks a process how it is hears whether it can do its work. */
class ReadinessIT {
  @TempDir Path dir;

  @Test
  void aControllerThatIsInNoClusterIsAliveAndNotReady() {
    try (ChaosCluster cluster = new ChaosCluster(dir.resolve("cluster"), "works")) {
      Member first = cluster.add("controller-1", "controller");
      Member second = cluster.add("controller-2", "controller");
      cluster.start(second); // half of the seeds, without the first: it founds no cluster
      ChaosCluster.await("it lives", () -> status(cluster, second, "/livez"), s -> s == 200);
      assertThat(status(cluster, second, "/healthz")).isEqualTo(503);
      assertThat(cluster.seesUp(second)).isEmpty();

      cluster.start(first);
      cluster.awaitServing(second);
      assertThat(cluster.seesUp(second)).contains("controller-2");
      cluster.awaitServing(first);
    }
  }

  private static int status(ChaosCluster cluster, Member member, String path) {
    try {
      return cluster.send(member, "GET", path, null).statusCode();
    } catch (UncheckedIOException e) {
      return 0;
    }
  }
}
