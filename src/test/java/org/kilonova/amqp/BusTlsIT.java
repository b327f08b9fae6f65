package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import akka.actor.typed.ActorSystem;
import akka.actor.typed.javadsl.Behaviors;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.io.Writer;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.openssl.jcajce.JcaPKCS8Generator;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.kilonova.amqp.Links.Condition;
import org.kilonova.amqp.service.ManagerRegistry;
import org.kilonova.amqp.wire.RpcContext;
import org.kilonova.kernel.Clock;
import org.kilonova.testing.LocalAkka;
import org.kilonova.testing.RabbitMq;

/** RabbitMQ that speaks TLS only, and to nobody without a certificate. */
class BusTlsIT {
  private static final Instant NOW = Clock.system().instant();

  /** A certificate and its key. */
  private record Identity(X509Certificate certificate, KeyPair keys) {}

  @TempDir private static Path dir;
  private static RabbitMq broker;
  private static ActorSystem<Void> system;

  @BeforeAll
  static void aBrokerWithTls() throws Exception {
    Identity authority = identity("kilonova-test-ca", null);
    write("ca.pem", authority.certificate());
    write("other-ca.pem", identity("somebody-else", null).certificate());
    for (String name : List.of("broker", "client")) {
      Identity identity = identity(name, authority);
      write(name + ".pem", identity.certificate());
      write(name + "-key.pem", new JcaPKCS8Generator(identity.keys().getPrivate(), null));
    }
    broker =
        RabbitMq.startWithTls(
            Files.createDirectory(dir.resolve("rabbit")),
            dir.resolve("ca.pem"),
            dir.resolve("broker.pem"),
            dir.resolve("broker-key.pem"));
    system = ActorSystem.create(Behaviors.empty(), "tls", LocalAkka.config());
  }

  @AfterAll
  static void stop() {
    system.terminate();
    system.getWhenTerminated().toCompletableFuture().join();
    broker.close();
  }

  @Test
  void aCallIsAnsweredOverTlsWithCertificatesOnBothSides() throws Exception {
    MessageBus bus = join("ca.pem", "client");
    try (RpcServer server = bus.serve(new ManagerRegistry(List.of(new EchoManager("echo"))));
        RpcClient client = bus.client()) {
      assertThat(
              client
                  .call(
                      RpcTarget.topic("echo"),
                      RpcContext.EMPTY,
                      "echo",
                      Map.of("value", "secret"),
                      Duration.ofSeconds(20))
                  .toCompletableFuture()
                  .join())
          .isEqualTo(Map.of("value", "secret"));
    }
  }

  @Test
  void aBrokerThatSomebodyElseVouchesForIsNotSpokenTo() throws Exception {
    MessageBus bus = join("other-ca.pem", "client");
    try (RpcClient client = bus.client()) {
      awaitDown(bus);
      assertThat(bus.links().summary()).contains("certification path");
    }
  }

  @Test
  void aBrokerUnderAnotherNameIsNotSpokenTo() throws Exception {
    MessageBus bus = join("ca.pem", "client", "127.0.0.2");
    try (RpcClient client = bus.client()) {
      awaitDown(bus);
      assertThat(bus.links().summary()).contains("127.0.0.2");
    }
  }

  private static MessageBus join(String ca, String identity) {
    return join(ca, identity, "127.0.0.1");
  }

  private static MessageBus join(String ca, String identity, String host) {
    String tls =
        "ssl = true, ssl_ca_file = \"%s\", ssl_cert_file = \"%s\", ssl_key_file = \"%s\""
            .formatted(
                dir.resolve(ca),
                dir.resolve(identity + ".pem"),
                dir.resolve(identity + "-key.pem"));
    String url = "rabbit://guest:guest@%s:%d/".formatted(host, broker.port());
    return MessageBus.join(
        system, BusContract.settings(tls, url), null, new SimpleMeterRegistry(), Clock.system());
  }

  private static void awaitDown(MessageBus bus) {
    long deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (bus.links().count(Condition.DOWN) == 0) {
      assertThat(System.nanoTime()).as(bus.links().summary()).isLessThan(deadline);
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
    assertThat(bus.links().count(Condition.CONNECTED)).isZero();
  }

  // ---- certificates ----------------------------------------------------------------------------

  /**
   * A key pair and its certificate.
   *
   * @param authority who signs it; null: an authority itself
   */
  private static Identity identity(String name, Identity authority) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
    generator.initialize(256);
    KeyPair keys = generator.generateKeyPair();
    X500Name subject = new X500Name("CN=" + name);
    X500Name issuer =
        authority == null
            ? subject
            : new X500Name(authority.certificate().getSubjectX500Principal().getName());
    JcaX509v3CertificateBuilder builder =
        new JcaX509v3CertificateBuilder(
            issuer,
            BigInteger.valueOf(System.nanoTime()),
            Date.from(NOW.minus(Duration.ofHours(1))),
            Date.from(NOW.plus(Duration.ofHours(1))),
            subject,
            keys.getPublic());
    builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(authority == null));
    if (authority != null) {
      builder.addExtension(
          Extension.subjectAlternativeName,
          false,
          new GeneralNames(new GeneralName(GeneralName.iPAddress, "127.0.0.1")));
    }
    var signer =
        new JcaContentSignerBuilder("SHA256withECDSA")
            .build((authority == null ? keys : authority.keys()).getPrivate());
    return new Identity(
        new JcaX509CertificateConverter().getCertificate(builder.build(signer)), keys);
  }

  private static void write(String name, Object what) throws IOException {
    try (Writer out = Files.newBufferedWriter(dir.resolve(name));
        JcaPEMWriter pem = new JcaPEMWriter(out)) {
      pem.writeObject(what);
    }
  }
}
