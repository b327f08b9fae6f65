package org.kilonova.instance;

import java.time.Instant;

/**
 * A piece of work that a settled instance is busy with, until the host reports it done.
 *
 * @param id the journal's sequence number at which it was accepted: unique within the instance, so
 *     that a late report of an earlier task is told from one of this
 * @param since when it was accepted; its deadline counts from here, restarts do not reset it
 */
public record Task(long id, TaskKind kind, Instant since) {}
