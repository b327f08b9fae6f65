package org.kilonova.amqp.service;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a {@link Manager}'s method that the bus may call: public, with one parameter {@link
 * RpcCall}, returning what JSON can say (null, Boolean, Number, String, List, Map), or a {@link
 * java.util.stream.Stream} of it for a multicall.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Rpc {
  /** Its name on the bus, e.g. {@code run_instance}; several if it answers several alike. */
  String[] value();

  /** The version of the manager's interface that it came with, for the reader. */
  String since() default "1.0";
}
