package org.kilonova.network;

import inet.ipaddr.AddressStringException;
import inet.ipaddr.IPAddress;
import inet.ipaddr.IPAddressString;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Optional;
import java.util.UUID;
import org.kilonova.kernel.InstanceId;

/** Addresses and ids, as texts, and those that follow from others. Pure. */
final class Addresses {
  private Addresses() {}

  /** Whether a host may have the address: in the network, not its first and not its last. */
  static boolean isUsable(IPAddress network, IPAddress address) {
    return network.contains(address)
        && !address.equals(network.getLower().withoutPrefixLength())
        && !address.equals(network.getUpper().withoutPrefixLength());
  }

  /** One single address, or nothing if the text is something else. */
  static Optional<IPAddress> parse(String text) {
    try {
      IPAddress address = new IPAddressString(text).toAddress();
      return Optional.ofNullable(address).filter(a -> !a.isMultiple() && !a.isPrefixed());
    } catch (AddressStringException e) {
      return Optional.empty();
    }
  }

  /** An id, or nothing if the text is something else, or null. */
  static Optional<UUID> uuid(String text) {
    try {
      return Optional.ofNullable(text).map(UUID::fromString);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The same for each repetition of an allocation, so that the tap device's name is, too. */
  static UUID portId(InstanceId instance, int position) {
    return UUID.nameUUIDFromBytes(
        (instance + "/port/" + position).getBytes(StandardCharsets.UTF_8));
  }

  /**
   * A MAC address in the range that OpenStack uses (fa:16:3e), computed from the port.
   *
   * @param attempt 0, or more if the address before is taken: there are 2^24
   */
  static String mac(UUID port, int attempt) {
    byte[] digest = sha256().digest((port + "/mac/" + attempt).getBytes(StandardCharsets.UTF_8));
    return "fa:16:3e:%02x:%02x:%02x".formatted(digest[0], digest[1], digest[2]);
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e); // each Java has it
    }
  }
}
