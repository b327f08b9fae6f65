package org.kilonova.kernel;

/**
 * How much may be promised for each unit that is there; Nova's allocation ratios.
 *
 * @param cpu e.g. 16.0
 */
public record AllocationRatios(double cpu, double ram, double disk) {}
