package org.kilonova.instance;

import java.time.Duration;

/**
 * The numbers that an instance lives by; {@code reference.conf} explains each.
 *
 * @param cloudId stands in the metadata of every domain of this cloud
 * @param bootDeadline a boot's step that takes longer ends in ERROR
 * @param taskDeadline a task that takes longer is given up
 * @param wakeGrace after waking up an instance has at least so long before a deadline strikes, so
 *     that a system that was down for longer does not fail its boots when it comes back
 * @param maxAttempts builds that may fail before the instance does (scheduler max_attempts)
 * @param resendMin first pause before a message is sent again
 * @param resendMax longest such pause
 * @param idleTimeout a settled instance leaves memory after so long
 */
public record InstanceSettings(
    String cloudId,
    Duration bootDeadline,
    Duration taskDeadline,
    Duration wakeGrace,
    int maxAttempts,
    Duration resendMin,
    Duration resendMax,
    Duration idleTimeout) {}
