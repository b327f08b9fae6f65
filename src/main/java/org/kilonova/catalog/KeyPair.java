package org.kilonova.catalog;

import java.time.Instant;

/**
 * The public half of a user's key pair.
 *
 * @param number what Nova shows as the id
 * @param publicKey an OpenSSH line, or a certificate in PEM
 * @param fingerprint MD5 of the key (ssh) or SHA-1 of the certificate (x509), in colons
 */
public record KeyPair(
    int number,
    String userId,
    String name,
    Type type,
    String publicKey,
    String fingerprint,
    Instant createdAt) {

  /** What it is for. */
  public enum Type {
    /** Logging in with SSH. */
    SSH,
    /** Logging in to Windows with WinRM. */
    X509;

    /** As the API writes it. */
    public String text() {
      return this == SSH ? "ssh" : "x509";
    }

    /** The type that the API writes so. */
    public static Type of(String text) {
      return text.equals("x509") ? X509 : SSH;
    }
  }
}
