package org.kilonova.chaos;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * A cluster that the scenarios of a test share, as long as each leaves it as it found it; otherwise
 * the next one gets a new one, and the logs and data of the old one stay below {@code
 * target/chaos}.
 */
final class SharedCluster implements AutoCloseable {
  private final Path dir;
  private final Function<Path, ChaosCluster> maker;
  private ChaosCluster cluster;
  private Judge judge;
  private int made;
  private boolean sound;

  /**
   * None yet.
   *
   * @param maker makes one in this directory, started and prepared
   */
  SharedCluster(Class<?> test, Function<Path, ChaosCluster> maker) {
    this.dir = Path.of("target", "chaos", test.getSimpleName()).toAbsolutePath();
    this.maker = maker;
  }

  /** For the next scenario, which has to call {@link #sound} in the end. */
  ChaosCluster use() {
    if (!sound) {
      close();
      if (made == 0) {
        remove(dir);
      }
      cluster = maker.apply(dir.resolve("cluster-" + ++made));
      judge = cluster.judge();
    }
    sound = false;
    return cluster;
  }

  /** Of the cluster that is in use. */
  Judge judge() {
    return judge;
  }

  /** The scenario has left the cluster as it found it. */
  void sound() {
    sound = true;
  }

  @Override
  public void close() {
    if (cluster != null) {
      judge.close();
      cluster.close();
      if (sound) {
        remove(dir.resolve("cluster-" + made));
      } else {
        System.out.println("chaos: logs and data of what failed: " + dir);
      }
      cluster = null;
    }
  }

  private static void remove(Path tree) {
    if (!Files.exists(tree)) {
      return;
    }
    try (Stream<Path> files = Files.walk(tree)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
