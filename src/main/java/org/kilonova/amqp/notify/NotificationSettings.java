package org.kilonova.amqp.notify;

import com.typesafe.config.Config;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.kilonova.amqp.notify.Notification.Form;
import org.kilonova.kernel.ConfigurationException;

/**
 * How notifications are told.
 *
 * @param forms which of Nova's two sets, or both
 * @param host this controller's name: the publisher of what no compute host says
 * @param imageEndpoint of the image service, as its clients know it, or null
 * @param audit after which periods {@code compute.instance.exists} is told; empty = never
 * @param batchSize so many events are worked off at once
 */
public record NotificationSettings(
    Set<Form> forms,
    String host,
    String imageEndpoint,
    Optional<AuditPeriod> audit,
    int batchSize) {
  private static final String ROOT = "kilonova.amqp.notifications.";

  public NotificationSettings {
    forms = Set.copyOf(forms);
  }

  /**
   * Reads the section {@code kilonova.amqp.notifications}.
   *
   * @throws ConfigurationException that names the key
   */
  public static NotificationSettings of(Config section, String host, String imageEndpoint) {
    return new NotificationSettings(
        forms(section.getString("format")),
        host,
        imageEndpoint,
        AuditPeriod.parse(
            ROOT + "instance_usage_audit_period",
            section.getString("instance_usage_audit_period").toLowerCase(Locale.ROOT)),
        section.getInt("batch-size"));
  }

  /** Whether they are told at all: {@code driver} is not {@code noop}. */
  public static boolean enabled(Config section) {
    String driver = section.getString("driver");
    if (!List.of("noop", "messaging", "messagingv2").contains(driver)) {
      throw new ConfigurationException(ROOT + "driver", "must be noop, messaging or messagingv2");
    }
    return !driver.equals("noop");
  }

  private static Set<Form> forms(String format) {
    return switch (format) {
      case "unversioned" -> Set.of(Form.UNVERSIONED);
      case "versioned" -> Set.of(Form.VERSIONED);
      case "both" -> Set.of(Form.values());
      default ->
          throw new ConfigurationException(
              ROOT + "format", "must be unversioned, versioned or both");
    };
  }
}
