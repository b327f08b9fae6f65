package org.kilonova.console;

import org.kilonova.compute.ComputeProtocol.VncConsoleFound;
import org.kilonova.compute.ComputeProtocol.VncConsoleOpened;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.UnavailableException;

/** Guests' displays where they are: on the hosts of instances that have one. All methods block. */
public interface Displays {
  /**
   * Where it is.
   *
   * @throws UnavailableException if the host cannot be asked just now
   */
  VncConsoleFound find(Present state);

  /**
   * A connection to it.
   *
   * @throws UnavailableException if the host cannot be asked just now
   */
  VncConsoleOpened open(Present state);
}
