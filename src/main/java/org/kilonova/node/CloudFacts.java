package org.kilonova.node;

import akka.actor.typed.ActorRef;
import akka.actor.typed.Behavior;
import akka.actor.typed.javadsl.Behaviors;
import akka.actor.typed.receptionist.Receptionist;
import akka.actor.typed.receptionist.ServiceKey;
import java.util.function.Supplier;
import org.kilonova.persistence.CborSerializable;

/**
 * What a compute process has to know of the cloud and cannot know by itself, since it needs no
 * database: asked of any controller, found through the receptionist.
 */
final class CloudFacts {
  static final ServiceKey<Ask> KEY = ServiceKey.create(Ask.class, "cloud-facts");

  private CloudFacts() {}

  /** The question. */
  record Ask(ActorRef<Answer> replyTo) implements CborSerializable {}

  /**
   * The answer.
   *
   * @param cloudId stands in the metadata of every domain
   * @param endpoint base URL of the asked controller's front door
   * @param serviceToken for downloads of images; short-lived
   */
  record Answer(String cloudId, String endpoint, String serviceToken) implements CborSerializable {
    @Override
    public String toString() {
      return "Answer[" + cloudId + " at " + endpoint + "]";
    }
  }

  /** Runs on each controller. */
  static Behavior<Ask> create(Supplier<Answer> facts) {
    return Behaviors.setup(
        context -> {
          context.getSystem().receptionist().tell(Receptionist.register(KEY, context.getSelf()));
          return Behaviors.receive(Ask.class)
              .onMessage(
                  Ask.class,
                  ask -> {
                    ask.replyTo().tell(facts.get());
                    return Behaviors.same();
                  })
              .build();
        });
  }
}
