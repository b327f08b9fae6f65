package org.kilonova.chaos;

import com.typesafe.config.Config;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.kilonova.amqp.service.Manager;
import org.kilonova.amqp.service.Rpc;
import org.kilonova.amqp.service.RpcCall;

/** Does as little as the Python server of {@code oslo_bench.py}. */
public final class RatesManager implements Manager {
  private final int casts;
  private final Path done;
  private final AtomicInteger taken = new AtomicInteger();

  /** With {@code casts}, after so many of which it writes the time to the file {@code done}. */
  public RatesManager(Config section) {
    casts = section.getInt("casts");
    done = Path.of(section.getString("done"));
  }

  @Override
  public String topic() {
    return "java";
  }

  /** Answers what it is told. */
  @Rpc("echo")
  public String echo(RpcCall call) {
    return call.text("value");
  }

  /** Counts. */
  @Rpc("note")
  public void note(RpcCall call) throws IOException {
    if (taken.incrementAndGet() % casts == 0) {
      Path written = done.resolveSibling(done.getFileName() + ".new");
      Files.writeString(written, Long.toString(System.nanoTime()));
      Files.move(written, done);
    }
  }
}
