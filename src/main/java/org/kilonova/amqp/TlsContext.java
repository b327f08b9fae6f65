package org.kilonova.amqp;

import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.openssl.PEMKeyPair;
import org.bouncycastle.openssl.PEMParser;
import org.bouncycastle.openssl.jcajce.JcaPEMKeyConverter;
import org.kilonova.kernel.ConfigurationException;

/**
 * TLS from PEM files, as oslo's {@code ssl_ca_file}, {@code ssl_cert_file}, {@code ssl_key_file}.
 */
final class TlsContext {
  private static final char[] NO_PASSWORD = {};

  private TlsContext() {}

  /**
   * Reads the files.
   *
   * @throws ConfigurationException that names the file's key
   */
  static SSLContext of(BusSettings.Tls tls) {
    try {
      TrustManagerFactory trust =
          TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      trust.init(tls.ca() == null ? null : authorities(tls.ca()));
      KeyManagerFactory keys =
          KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
      keys.init(tls.key() == null ? null : identity(tls), NO_PASSWORD);
      SSLContext context = SSLContext.getInstance("TLS");
      context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
      return context;
    } catch (GeneralSecurityException | IOException e) {
      throw new ConfigurationException("kilonova.amqp.ssl", "cannot be set up: " + e, e);
    }
  }

  private static KeyStore authorities(Path file) throws GeneralSecurityException, IOException {
    KeyStore store = emptyStore();
    int n = 0;
    for (Certificate certificate : certificates("ssl_ca_file", file)) {
      store.setCertificateEntry("ca-" + n++, certificate);
    }
    return store;
  }

  private static KeyStore identity(BusSettings.Tls tls)
      throws GeneralSecurityException, IOException {
    KeyStore store = emptyStore();
    store.setKeyEntry(
        "key",
        privateKey(tls.key()),
        NO_PASSWORD,
        certificates("ssl_cert_file", tls.certificate()));
    return store;
  }

  private static Certificate[] certificates(String key, Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      Certificate[] found =
          CertificateFactory.getInstance("X.509")
              .generateCertificates(in)
              .toArray(new Certificate[0]);
      if (found.length > 0) {
        return found;
      }
    } catch (GeneralSecurityException e) {
      // said below
    }
    throw new ConfigurationException(
        "kilonova.amqp." + key, file + " holds no certificate in PEM form");
  }

  private static PrivateKey privateKey(Path file) throws IOException {
    try (Reader in = Files.newBufferedReader(file);
        PEMParser parser = new PEMParser(in)) {
      for (Object found = parser.readObject(); found != null; found = parser.readObject()) {
        JcaPEMKeyConverter converter = new JcaPEMKeyConverter();
        if (found instanceof PEMKeyPair pair) {
          return converter.getPrivateKey(
              pair.getPrivateKeyInfo()); // an EC key may come without the public one
        }
        if (found instanceof PrivateKeyInfo info) {
          return converter.getPrivateKey(info);
        }
      }
    }
    throw new ConfigurationException(
        "kilonova.amqp.ssl_key_file", file + " holds no unencrypted private key in PEM form");
  }

  private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    return store;
  }
}
