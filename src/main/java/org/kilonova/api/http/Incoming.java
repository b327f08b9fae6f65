package org.kilonova.api.http;

import java.io.InputStream;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A request as it arrives, whatever carries it. Its methods may block. */
interface Incoming {
  /** In capitals; may be one that no route has. */
  String method();

  /** The path, escaped as it was sent. */
  String path();

  /**
   * All parameters, in order; each with all its values, unescaped.
   *
   * @throws ApiFault 400 if they cannot be read
   */
  Map<String, List<String>> query();

  /** A header's value; names are compared without case. */
  Optional<String> header(String name);

  /** Where the connection comes from, a proxy perhaps; null if that is not known. */
  String remoteAddress();

  /** Media type of the body without parameters, in lower case; empty if it says none. */
  String contentType();

  /**
   * The whole body.
   *
   * @throws ApiFault 413 if it is larger than {@code limit} bytes, 408 if it does not arrive
   */
  byte[] body(long limit) throws Exception;

  /** The body as it comes; it may take as long as it takes. */
  InputStream stream();

  /** The answer may take longer than others, because a body is streamed. */
  void mayTakeLong();
}
