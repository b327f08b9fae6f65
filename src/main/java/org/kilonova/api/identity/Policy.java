package org.kilonova.api.identity;

import org.kilonova.api.http.ApiFault;
import org.kilonova.api.http.Call;
import org.kilonova.identity.Caller;

/** Who may do what with the directory: administrators change it, users see what is their own. */
final class Policy {
  private Policy() {}

  /** Refuses all but administrators. */
  static void admin(Call call, String action) {
    if (!call.caller().isAdmin()) {
      throw denied(action);
    }
  }

  /** Refuses all but administrators and those who may look at the whole deployment. */
  static void reader(Call call, String action) {
    readerOr(call, false, action);
  }

  /** Also lets those in to whom it belongs. */
  static void readerOr(Call call, boolean own, String action) {
    Caller caller = call.caller();
    boolean systemReader = caller.system() && caller.roles().contains("reader");
    if (!own && !caller.isAdmin() && !systemReader) {
      throw denied(action);
    }
  }

  /** Lets administrators in and those to whom it belongs. */
  static void adminOr(Call call, boolean own, String action) {
    if (!own && !call.caller().isAdmin()) {
      throw denied(action);
    }
  }

  static ApiFault denied(String action) {
    return ApiFault.forbidden(
        "You are not authorized to perform the requested action: identity:" + action + ".");
  }
}
