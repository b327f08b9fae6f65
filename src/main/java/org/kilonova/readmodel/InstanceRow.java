package org.kilonova.readmodel;

import org.kilonova.instance.InstanceState;

/**
 * One instance as the read model has it.
 *
 * @param state the state that the entity had at {@code revision}
 * @param revision the journal's sequence number
 */
public record InstanceRow(InstanceState.Present state, long revision) {}
