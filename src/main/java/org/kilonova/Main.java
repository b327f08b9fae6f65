package org.kilonova;

/** Starts a Kilonova process. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    System.out.println("Kilonova " + Main.class.getPackage().getImplementationVersion());
  }
}
