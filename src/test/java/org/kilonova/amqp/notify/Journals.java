package org.kilonova.amqp.notify;

import static org.kilonova.amqp.notify.Notification.Form.UNVERSIONED;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.kilonova.amqp.notify.Notification.Form;
import org.kilonova.instance.InstanceEvent;
import org.kilonova.instance.Instances.Recorded;

/** What journals mean. */
final class Journals {
  private Journals() {}

  static NotificationSettings settings(Form... forms) {
    return new NotificationSettings(
        Set.of(forms), "controller-1", "http://image.example:9292", Optional.empty(), 200);
  }

  /** All that a journal means, in the classic form. */
  static List<Notification> told(List<InstanceEvent> journal) {
    return told(journal, settings(UNVERSIONED));
  }

  static List<Notification> told(List<InstanceEvent> journal, NotificationSettings settings) {
    InstanceNotifications notifications = new InstanceNotifications(settings);
    List<Notification> all = new ArrayList<>();
    Told told = Told.NOTHING;
    long sequenceNumber = 0;
    for (InstanceEvent event : journal) {
      Told next = told.then(new Recorded(++sequenceNumber, event));
      all.addAll(notifications.of(told, event, next));
      told = next;
    }
    return all;
  }
}
