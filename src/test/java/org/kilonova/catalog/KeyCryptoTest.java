package org.kilonova.catalog;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.kilonova.catalog.KeyPair.Type;

class KeyCryptoTest {
  private final KeyCrypto crypto = new KeyCrypto(() -> Instant.parse("2026-01-01T00:00:00Z"));

  /** Keys made by ssh-keygen, with what {@code ssh-keygen -l -E md5} says. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDFGudV0NAEFepILGyRkTiLMF+XZOBPIXuuOdeam6juSyQ7aiuF15ikprzihToG4J19LC9kNc3IUD+pGGaNSLYCZnKOtKkjCTnQ4ZPpkjP6FKnZVunzfcRqCCDIKVnVkiFxOvZ8GI+JcaTOzSGYjz3LtD/iNp6WUt2+uP1aV1PQzW6qoO7vf+MFFRO5PgU0tYEoHkYlVvklicppZ6SsakbX0KpY8z/RCB5uFcQMl84w+0aiwoUSQo67y1P9mkb9bk1yJwOzCxdY3leo+EKx36hj2QBH2QFazep93Kd9ls+99ArXpsKHvFVIjX8+DfLoXVpHCSPidQ3Bq8YpPe07gRJ9 me@there | 8d:15:0f:fa:83:6c:fb:73:ab:b4:09:8a:d6:8f:e2:d8",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2MHsKXgj+3orvCta6O1DrodmZ6mZGJFa5gHfGJ7g8X me@there | 10:9b:36:d1:aa:02:38:1a:1a:90:d3:51:b2:b6:57:74",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOPgYsxgT8UrP4/GPTuBKKjTFTA6LOwWjG+5y83oRkpCPFM6afuRh/mJmiV5gpZwJfW+3BjN6LFgnBWpVia2rhc= me@there | f5:50:99:ed:f9:87:0f:7d:5c:d3:a8:fd:12:6e:89:26"
      })
  void theFingerprintIsThatOfSshKeygen(String line, String fingerprint) {
    assertThat(crypto.check(Type.SSH, line).fingerprint()).isEqualTo(fingerprint);
    assertThat(crypto.check(Type.SSH, line).text()).isEqualTo(line);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "junk",
        "ssh-rsa JUNK nova@ubuntu",
        "ssh-rsa AAAAB3NzaC1yc2E= cut off",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIPtH8UsMlvBrXQ0N5ahgO9LVsFSMn2/ztDyYVQnfKVNu not RSA"
      })
  void whatIsNoKeyIsRefused(String line) {
    assertThatThrownBy(() -> crypto.check(Type.SSH, line))
        .isInstanceOf(CatalogException.class)
        .hasMessage("Keypair data is invalid: failed to generate fingerprint");
  }

  @Test
  void aGeneratedKeyPairIsAnOpenSshLineAndPem() {
    KeyCrypto.Generated pair = crypto.generate(Type.SSH, "u1");

    assertThat(pair.publicKey().text()).startsWith("ssh-rsa AAAA").endsWith(" Generated-by-Nova");
    assertThat(pair.publicKey()).isEqualTo(crypto.check(Type.SSH, pair.publicKey().text()));
    assertThat(pair.privateKey())
        .startsWith("-----BEGIN RSA PRIVATE KEY-----\n")
        .endsWith("-----END RSA PRIVATE KEY-----\n");
  }

  @Test
  void aGeneratedCertificateNamesTheUserForWinRm() throws Exception {
    KeyCrypto.Generated pair = crypto.generate(Type.X509, "u1");

    X509Certificate certificate =
        (X509Certificate)
            CertificateFactory.getInstance("X.509")
                .generateCertificate(
                    new ByteArrayInputStream(
                        pair.publicKey().text().getBytes(StandardCharsets.UTF_8)));
    certificate.verify(certificate.getPublicKey());
    assertThat(certificate.getSubjectX500Principal().getName()).isEqualTo("CN=u1");
    assertThat(certificate.getExtendedKeyUsage()).containsExactly("1.3.6.1.5.5.7.3.2");
    assertThat(certificate.getSubjectAlternativeNames()).hasSize(1);
    assertThat(pair.publicKey().fingerprint()).matches("([0-9a-f]{2}:){19}[0-9a-f]{2}");
  }

  @Test
  void whatIsNoCertificateIsRefused() {
    assertThatThrownBy(() -> crypto.check(Type.X509, "ssh-rsa AAAA"))
        .hasMessage("Keypair data is invalid: failed to generate X509 fingerprint");
  }

  @Test
  void aPrivateKeyIsNotPrinted() {
    KeyCrypto.Generated pair = crypto.generate(Type.SSH, "u1");
    assertThat(pair.toString()).doesNotContain("PRIVATE");
  }
}
