package org.kilonova.image;

import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * The image service, with Glance's rules about who sees and who changes what: what a viewer may not
 * see is not there, what it sees and may not change is forbidden. All methods block and throw
 * {@link ImageException}.
 */
public interface Images {
  Optional<Image> find(Viewer viewer, String id);

  /**
   * The image.
   *
   * @throws ImageException NOT_FOUND
   */
  Image get(Viewer viewer, String id);

  List<Image> list(Viewer viewer, ImageQuery query);

  /**
   * Keeps a new, queued image.
   *
   * @throws ImageException CONFLICT if the id is taken, FORBIDDEN if the viewer may not make such
   *     an image
   */
  Image create(Viewer viewer, String id, Image.Attributes attributes);

  /**
   * Changes the metadata, with the row locked meanwhile.
   *
   * @throws ImageException NOT_FOUND, FORBIDDEN, or what {@code change} throws
   */
  Image update(Viewer viewer, String id, UnaryOperator<Image.Attributes> change);

  /**
   * Deletes the image, then its data (other controllers' copies within minutes).
   *
   * @throws ImageException NOT_FOUND, FORBIDDEN also if it is protected
   */
  void delete(Viewer viewer, String id);

  /**
   * Takes the data, opened when it is clear that they may come; the image is active when this
   * returns. If the data end early nothing is kept and the image is queued again.
   *
   * @throws ImageException CONFLICT if it is not queued, TOO_LARGE, GONE if it was deleted
   *     meanwhile
   */
  void upload(Viewer viewer, String id, Supplier<InputStream> data);

  /**
   * The file with the data, fetched from another controller (and kept) if it is not here.
   *
   * @param localOnly do not ask others
   * @throws ImageException NO_CONTENT if there are none yet, FORBIDDEN if it is deactivated,
   *     UNAVAILABLE if no controller that has them answers
   */
  Path file(Viewer viewer, String id, boolean localOnly);

  /** Keeps all but administrators from the data; deactivated already is done. */
  void deactivate(Viewer viewer, String id);

  /** Undoes {@link #deactivate}; active already is done. */
  void reactivate(Viewer viewer, String id);

  /** Of an image that the viewer owns all, otherwise its own membership. */
  List<Member> members(Viewer viewer, String id);

  /**
   * @throws ImageException CONFLICT if it is one, FORBIDDEN if the image is not a shared one
   */
  Member addMember(Viewer viewer, String id, String memberId);

  /** The member's answer. */
  Member setMemberStatus(Viewer viewer, String id, String memberId, String status);

  void removeMember(Viewer viewer, String id, String memberId);
}
