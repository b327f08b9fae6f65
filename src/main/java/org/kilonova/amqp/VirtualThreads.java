package org.kilonova.amqp;

import akka.dispatch.DispatcherPrerequisites;
import akka.dispatch.ExecutorServiceConfigurator;
import akka.dispatch.ExecutorServiceFactory;
import com.typesafe.config.Config;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;

/**
 * Of the dispatcher {@code kilonova.amqp.dispatcher}: virtual threads, since Alpakka's stages
 * connect, declare and acknowledge by blocking calls.
 */
public final class VirtualThreads extends ExecutorServiceConfigurator {
  /** As Akka calls it. */
  public VirtualThreads(Config config, DispatcherPrerequisites prerequisites) {
    super(config, prerequisites);
  }

  @Override
  public ExecutorServiceFactory createExecutorServiceFactory(String id, ThreadFactory ignored) {
    return new ExecutorServiceFactory() {
      @Override
      public ExecutorService createExecutorService() {
        return Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name(id + "-", 0).factory());
      }
    };
  }
}
