package org.kilonova.catalog;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Base64;
import java.util.Date;
import java.util.HexFormat;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.DERSequence;
import org.bouncycastle.asn1.DERTaggedObject;
import org.bouncycastle.asn1.DERUTF8String;
import org.bouncycastle.asn1.x500.X500NameBuilder;
import org.bouncycastle.asn1.x500.style.BCStyle;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.crypto.params.AsymmetricKeyParameter;
import org.bouncycastle.crypto.util.OpenSSHPublicKeyUtil;
import org.bouncycastle.crypto.util.PublicKeyFactory;
import org.bouncycastle.openssl.jcajce.JcaPEMWriter;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.kilonova.catalog.KeyPair.Type;

/** Makes and checks key pairs, as {@code nova/crypto.py} does. Takes CPU time, no I/O. */
public final class KeyCrypto {
  private static final int RSA_BITS = 2048;
  private static final Duration CERTIFICATE_LIFE = Duration.ofDays(3650);

  /** Microsoft's user principal name, which WinRM maps to an account. */
  private static final ASN1ObjectIdentifier UPN =
      new ASN1ObjectIdentifier("1.3.6.1.4.1.311.20.2.3");

  private final SecureRandom random = new SecureRandom();
  private final InstantSource clock;

  public KeyCrypto(InstantSource clock) {
    this.clock = clock;
  }

  /** A public key that was checked. */
  public record PublicKey(Type type, String text, String fingerprint) {}

  /**
   * A new key pair.
   *
   * @param privateKey in PEM; shown once, never kept
   */
  public record Generated(PublicKey publicKey, String privateKey) {
    @Override
    public String toString() {
      return "Generated[" + publicKey + "]";
    }
  }

  /**
   * Checks a public key that a user brings: an OpenSSH line or a certificate in PEM.
   *
   * @throws CatalogException INVALID if it is none
   */
  public PublicKey check(Type type, String text) {
    try {
      return new PublicKey(
          type, text, type == Type.SSH ? sshFingerprint(text) : certificateFingerprint(text));
    } catch (GeneralSecurityException | RuntimeException e) {
      // Bouncy Castle reports malformed blobs with many kinds of unchecked exceptions
      throw CatalogException.invalid(
          "Keypair data is invalid: failed to generate "
              + (type == Type.SSH ? "fingerprint" : "X509 fingerprint"));
    }
  }

  /** Makes a key pair: RSA, and for x509 a certificate that the key itself signed. */
  public Generated generate(Type type, String userId) {
    try {
      KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
      generator.initialize(RSA_BITS, random);
      java.security.KeyPair pair = generator.generateKeyPair();
      String publicText =
          type == Type.SSH ? sshLine(pair.getPublic()) : pem(certificate(pair, userId));
      return new Generated(check(type, publicText), pem(pair.getPrivate()));
    } catch (GeneralSecurityException | IOException | OperatorCreationException e) {
      throw new IllegalStateException(e); // every JVM has RSA
    }
  }

  private static String sshLine(java.security.PublicKey key) throws IOException {
    AsymmetricKeyParameter parameters = PublicKeyFactory.createKey(key.getEncoded());
    byte[] blob = OpenSSHPublicKeyUtil.encodePublicKey(parameters);
    return "ssh-rsa " + Base64.getEncoder().encodeToString(blob) + " Generated-by-Nova";
  }

  private static String sshFingerprint(String line) throws GeneralSecurityException {
    String[] words = line.strip().split("\\s+", 3);
    byte[] blob = Base64.getDecoder().decode(words[1]);
    OpenSSHPublicKeyUtil.parsePublicKey(blob);
    if (!words[0].equals(algorithm(blob))) {
      throw new IllegalArgumentException("the key is of another kind than the line says");
    }
    return colons(MessageDigest.getInstance("MD5").digest(blob));
  }

  /** The name of the algorithm, with which the blob of an OpenSSH key begins. */
  private static String algorithm(byte[] blob) {
    int length = new BigInteger(1, blob, 0, 4).intValueExact();
    return new String(blob, 4, length, StandardCharsets.US_ASCII);
  }

  private static String certificateFingerprint(String pem) throws GeneralSecurityException {
    X509Certificate certificate =
        (X509Certificate)
            CertificateFactory.getInstance("X.509")
                .generateCertificate(
                    new ByteArrayInputStream(pem.getBytes(StandardCharsets.UTF_8)));
    return colons(MessageDigest.getInstance("SHA-1").digest(certificate.getEncoded()));
  }

  private X509CertificateHolder certificate(java.security.KeyPair pair, String userId)
      throws IOException, OperatorCreationException {
    var name = new X500NameBuilder(BCStyle.INSTANCE).addRDN(BCStyle.CN, userId).build();
    Instant now = clock.instant();
    GeneralName upn =
        new GeneralName(
            GeneralName.otherName,
            new DERSequence(
                new ASN1Encodable[] {
                  UPN, new DERTaggedObject(true, 0, new DERUTF8String(userId + "@localhost"))
                }));
    return new JcaX509v3CertificateBuilder(
            name,
            new BigInteger(63, random),
            Date.from(now),
            Date.from(now.plus(CERTIFICATE_LIFE)),
            name,
            pair.getPublic())
        .addExtension(
            Extension.extendedKeyUsage, false, new ExtendedKeyUsage(KeyPurposeId.id_kp_clientAuth))
        .addExtension(Extension.subjectAlternativeName, false, new GeneralNames(upn))
        .build(new JcaContentSignerBuilder("SHA256WithRSA").build(pair.getPrivate()));
  }

  private static String pem(Object object) throws IOException {
    StringWriter text = new StringWriter();
    try (JcaPEMWriter writer = new JcaPEMWriter(text)) {
      writer.writeObject(object);
    }
    return text.toString();
  }

  private static String colons(byte[] digest) {
    return HexFormat.ofDelimiter(":").formatHex(digest);
  }
}
