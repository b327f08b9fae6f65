package org.kilonova.amqp;

import static org.assertj.core.api.Assertions.assertThat;

import com.rabbitmq.client.Channel;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class AcknowledgementsTest {
  private final BlockingQueue<String> frames = new LinkedBlockingQueue<>();
  private final Channel channel =
      (Channel)
          Proxy.newProxyInstance(
              Channel.class.getClassLoader(),
              new Class<?>[] {Channel.class},
              (self, method, args) -> {
                frames.add(method.getName() + Arrays.toString(args));
                return null;
              });

  /** Their delay is over when the test says so. */
  private final BlockingQueue<Runnable> later = new LinkedBlockingQueue<>();

  private final Acknowledgements acknowledgements = new Acknowledgements(channel, later::add);

  @Test
  void halfOfThePrefetchIsToldInOneFrame() throws IOException {
    acknowledgements.prefetch(8);
    for (long tag : List.of(2L, 1L, 3L)) {
      acknowledgements.ack(tag);
    }
    assertThat(frames).isEmpty();
    acknowledgements.ack(4);
    assertThat(frames).containsExactly("basicAck[4, true]");
  }

  @Test
  void oneThatIsStillWorkedOnIsNeverAcknowledgedWithTheOthers() throws IOException {
    acknowledgements.prefetch(8);
    for (long tag : List.of(1L, 2L, 4L, 5L)) {
      acknowledgements.ack(tag);
    }
    assertThat(frames)
        .containsExactly("basicAck[2, true]", "basicAck[4, false]", "basicAck[5, false]");
    frames.clear();
    for (long tag : List.of(3L, 6L, 7L, 8L)) {
      acknowledgements.ack(tag);
    }
    assertThat(frames).containsExactly("basicAck[8, true]");
  }

  @Test
  void oneThatIsGivenBackIsToldAtOnceAndHoldsNobodyUp() throws IOException {
    acknowledgements.prefetch(8);
    acknowledgements.ack(1);
    acknowledgements.nack(2, true);
    acknowledgements.ack(3);
    assertThat(frames).containsExactly("basicNack[2, false, true]");
    frames.clear();
    acknowledgements.flush();
    assertThat(frames).containsExactly("basicAck[3, true]");
  }

  @Test
  void whatWasGivenBackLastIsNotAcknowledged() throws IOException {
    acknowledgements.prefetch(8);
    acknowledgements.ack(1);
    acknowledgements.nack(2, true);
    frames.clear();
    acknowledgements.flush();
    assertThat(frames).containsExactly("basicAck[1, true]");
  }

  @Test
  void fewAreToldAfterAMoment() throws Exception {
    acknowledgements.prefetch(8);
    acknowledgements.ack(1);
    acknowledgements.ack(2);
    Runnable moment = later.poll(10, TimeUnit.SECONDS);
    assertThat(later).as("one delay for both").isEmpty();
    moment.run();
    assertThat(frames).containsExactly("basicAck[2, true]");
    acknowledgements.ack(3);
    later.poll(10, TimeUnit.SECONDS).run();
    assertThat(frames).contains("basicAck[3, true]");
  }

  @Test
  void aPrefetchOfOneIsAcknowledgedAtOnce() throws IOException {
    acknowledgements.prefetch(1);
    acknowledgements.ack(1);
    assertThat(frames).containsExactly("basicAck[1, true]");
  }
}
