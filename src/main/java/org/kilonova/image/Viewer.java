package org.kilonova.image;

/**
 * Who looks at images.
 *
 * @param projectId the project that the request is for, or null
 * @param admin sees and changes everything
 * @param service one of the cloud's own parts: sees everything
 */
public record Viewer(String projectId, boolean admin, boolean service) {
  /** The cloud itself. */
  public static final Viewer SYSTEM = new Viewer(null, true, true);

  boolean seesAll() {
    return admin || service;
  }
}
