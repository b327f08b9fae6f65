package org.kilonova.api.http;

/** The methods that routes have. HEAD is served by GET routes. */
public enum Method {
  GET,
  HEAD,
  POST,
  PUT,
  PATCH,
  DELETE
}
