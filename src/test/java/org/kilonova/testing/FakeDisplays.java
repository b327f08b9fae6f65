package org.kilonova.testing;

import org.kilonova.compute.ComputeProtocol.Display;
import org.kilonova.compute.ComputeProtocol.VncConsoleFound;
import org.kilonova.compute.ComputeProtocol.VncConsoleOpened;
import org.kilonova.console.Displays;
import org.kilonova.instance.InstanceState.Present;
import org.kilonova.instance.Instances.UnavailableException;
import org.kilonova.kernel.PowerState;

/** Displays of those that run, all in one place. */
public final class FakeDisplays implements Displays {
  public static final String HOST = "192.0.2.7";
  public static final int PORT = 5901;

  /** What to answer instead of SHOWN, if it is set. */
  public Display answer;

  @Override
  public VncConsoleFound find(Present state) {
    if (answer == Display.FAILED) {
      throw new UnavailableException("The host does not answer just now.");
    }
    if (answer != null) {
      return new VncConsoleFound(answer, null, 0, null);
    }
    return state.instance().power() == PowerState.RUNNING
        ? new VncConsoleFound(Display.SHOWN, HOST, PORT, null)
        : new VncConsoleFound(Display.NOT_RUNNING, null, 0, "it does not run");
  }

  @Override
  public VncConsoleOpened open(Present state) {
    throw new UnavailableException("nobody is there");
  }
}
