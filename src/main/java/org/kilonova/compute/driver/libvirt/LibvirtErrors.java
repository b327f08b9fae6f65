package org.kilonova.compute.driver.libvirt;

import org.kilonova.compute.driver.DriverException;
import org.kilonova.compute.driver.DriverException.Kind;
import org.libvirt.Error.ErrorNumber;
import org.libvirt.LibvirtException;

/** What libvirt's errors mean for an instance. */
final class LibvirtErrors {
  private LibvirtErrors() {}

  static boolean is(LibvirtException e, ErrorNumber number) {
    return e.getError() != null && e.getError().getCode() == number;
  }

  /**
   * The driver's exception for a failed call.
   *
   * @param otherwise the kind of an error that says nothing of itself: RETRY_ELSEWHERE where
   *     something is made, TRANSIENT where it is looked at or removed
   */
  static DriverException translate(String what, Kind otherwise, LibvirtException e) {
    ErrorNumber code = e.getError() == null ? null : e.getError().getCode();
    String message = "cannot " + what + ": " + e.getMessage();
    return new DriverException(code == null ? Kind.TRANSIENT : kind(code, otherwise), message, e);
  }

  private static Kind kind(ErrorNumber code, Kind otherwise) {
    return switch (code) {
      case VIR_ERR_NO_DOMAIN -> Kind.NOT_FOUND;
      // Somebody else changes the domain at the moment, or the daemon is busy or restarting.
      case VIR_ERR_OPERATION_TIMEOUT, VIR_ERR_OPERATION_INVALID, VIR_ERR_RPC, VIR_ERR_NO_CONNECT ->
          Kind.TRANSIENT;
      // The document itself is wrong, so it would be on any host.
      case VIR_ERR_XML_ERROR, VIR_ERR_XML_DETAIL, VIR_ERR_XML_INVALID_SCHEMA -> Kind.ABORT;
      default -> otherwise;
    };
  }
}
