package org.kilonova.api.http;

/** Answers a call, on a virtual thread: it may block. */
@FunctionalInterface
public interface Handler {
  /**
   * The answer.
   *
   * @throws ApiFault for an error answer
   */
  Reply handle(Call call) throws Exception;
}
