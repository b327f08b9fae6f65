package org.kilonova.node;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.kilonova.api.http.Vitals;

/** What this process measures and has to tell of itself. Thread safe. */
final class Telemetry implements Vitals {
  private final PrometheusMeterRegistry registry =
      new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
  private final List<Supplier<String>> remarks = new CopyOnWriteArrayList<>();

  private volatile BooleanSupplier ready = () -> false;

  // It listens to the collector for as long as the process lives.
  @SuppressWarnings("resource")
  Telemetry() {
    new JvmMemoryMetrics().bindTo(registry);
    new JvmGcMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    new ClassLoaderMetrics().bindTo(registry);
    new ProcessorMetrics().bindTo(registry);
    new UptimeMetrics().bindTo(registry);
  }

  MeterRegistry registry() {
    return registry;
  }

  /** Adds a line to what health tells; must not block. */
  void remark(Supplier<String> line) {
    remarks.add(line);
  }

  /** Until this is called the process is not ready; must not block. */
  void readyWhen(BooleanSupplier condition) {
    ready = condition;
  }

  @Override
  public boolean isReady() {
    return ready.getAsBoolean();
  }

  @Override
  public List<String> remarks() {
    return remarks.stream().map(Supplier::get).toList();
  }

  @Override
  public String metrics() {
    return registry.scrape();
  }
}
