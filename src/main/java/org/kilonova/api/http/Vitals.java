package org.kilonova.api.http;

import java.util.List;

/** What the front door tells of its process to anybody who asks: nothing secret. */
public interface Vitals {
  /** Of a process that has nothing to tell. */
  Vitals NONE =
      new Vitals() {
        @Override
        public List<String> remarks() {
          return List.of();
        }

        @Override
        public String metrics() {
          return "";
        }
      };

  /** Whether the process can do its work; must not block. */
  default boolean isReady() {
    return true;
  }

  /** Lines that go with {@code /healthz}; what they tell of does not make the process unhealthy. */
  List<String> remarks();

  /** In Prometheus's text format. */
  String metrics();
}
