package org.kilonova.testing;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import akka.http.javadsl.ServerBinding;
import com.typesafe.config.ConfigFactory;
import java.io.IOException;
import java.net.URI;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.kilonova.api.http.HttpServer;
import org.kilonova.api.http.Service;
import org.kilonova.api.http.Vitals;
import org.kilonova.identity.TokenValidator;
import org.kilonova.kernel.Clock;

/** A front door on a free port of the loopback interface, without a cluster behind it. */
public final class LocalFrontDoor implements AutoCloseable {
  private final int port;
  private final ActorSystem<Void> system;
  private ServerBinding binding;

  /** Takes a port; {@link #open} binds it. */
  public LocalFrontDoor() throws IOException {
    this.port = FreePorts.next();
    this.system =
        ActorSystem.create(
            Behaviors.<Void>empty(),
            "front-door",
            ConfigFactory.parseString("akka.actor.provider = local, akka.loglevel = WARNING")
                .withFallback(ConfigFactory.defaultReferenceUnresolved())
                .resolve());
  }

  /** The base URL that it has, or will have. */
  public URI url() {
    return URI.create("http://127.0.0.1:" + port);
  }

  /** Answers from now on. */
  public void open(TokenValidator tokens, List<Service> services) throws Exception {
    binding =
        HttpServer.bind(
                system,
                new HttpServer.Settings("127.0.0.1", port, url().toString(), 1 << 20),
                tokens,
                services,
                Vitals.NONE,
                Clock.system())
            .toCompletableFuture()
            .get(10, TimeUnit.SECONDS);
  }

  @Override
  public void close() {
    if (binding != null) {
      binding.unbind();
    }
    system.terminate();
  }
}
