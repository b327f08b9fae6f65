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

  static DriverException translate(String what, LibvirtException e) {
    ErrorNumber code = e.getError() == null ? null : e.getError().getCode();
    String message = "cannot " + what + ": " + e.getMessage();
    return new DriverException(code == null ? Kind.TRANSIENT : kind(code), message, e);
  }

  private static Kind kind(ErrorNumber code) {
    return switch (code) {
      case VIR_ERR_NO_DOMAIN -> Kind.NOT_FOUND;
      // Somebody else changes the domain at the moment, or the daemon is busy or restarting.
      case VIR_ERR_OPERATION_TIMEOUT, VIR_ERR_OPERATION_INVALID, VIR_ERR_RPC, VIR_ERR_NO_CONNECT ->
          Kind.TRANSIENT;
      // The document itself is wrong, so it would be on any host.
      case VIR_ERR_XML_ERROR, VIR_ERR_XML_DETAIL, VIR_ERR_XML_INVALID_SCHEMA -> Kind.ABORT;
      default -> Kind.RETRY_ELSEWHERE;
    };
  }
}
