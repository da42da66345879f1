import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.SdkLoggerProvider;
import io.opentelemetry.sdk.logs.export.BatchLogRecordProcessor;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.View;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * A program that uses the Java SDK as its documentation shows it. The command line and the report
 * are those of tests/clients/README.md.
 */
public final class Client {
  private static final Duration BATCH_DELAY = Duration.ofMillis(100);
  private static final int QUEUE_SIZE = 1 << 16;
  private static final int LAST_FLUSH_SECONDS = 60;

  private final Options options;
  private final Report report = Report.start();
  private final SdkTracerProvider tracers;
  private final SdkMeterProvider meters;
  private final SdkLoggerProvider loggers;

  private Client(Options options) throws java.io.IOException {
    this.options = options;
    Exporters.choose(options);
    Exporters real = Exporters.real(options);
    Exporters control = options.control().isEmpty() ? null : Exporters.control(options);
    Attributes attributes = Content.allKinds().put("service.name", "client-java").build();
    Resource resource = Resource.create(attributes, Content.SCHEMA);
    var spans =
        new Recorders.Spans(real.spans(), control == null ? null : control.spans(), report);
    tracers =
        SdkTracerProvider.builder()
            .setResource(resource)
            .addSpanProcessor(
                BatchSpanProcessor.builder(spans)
                    .setScheduleDelay(BATCH_DELAY)
                    .setMaxQueueSize(QUEUE_SIZE)
                    .build())
            .build();
    var metrics =
        new Recorders.Metrics(real.metrics(), control == null ? null : control.metrics(), report);
    // Content is collected once, at the end.
    Duration interval = options.content() ? Duration.ofHours(1) : BATCH_DELAY;
    meters =
        SdkMeterProvider.builder()
            .setResource(resource)
            .registerView(
                InstrumentSelector.builder().setName("exponential").build(),
                View.builder()
                    .setAggregation(Aggregation.base2ExponentialBucketHistogram())
                    .build())
            .registerMetricReader(
                PeriodicMetricReader.builder(metrics).setInterval(interval).build())
            .build();
    var logs = new Recorders.Logs(real.logs(), control == null ? null : control.logs(), report);
    loggers =
        SdkLoggerProvider.builder()
            .setResource(resource)
            .addLogRecordProcessor(
                BatchLogRecordProcessor.builder(logs)
                    .setScheduleDelay(BATCH_DELAY)
                    .setMaxQueueSize(QUEUE_SIZE)
                    .build())
            .build();
  }

  /** Makes plain items of each signal at the wanted rate. */
  private void load() throws InterruptedException {
    var tracer = tracers.get("load");
    var gauge = meters.get("load").gaugeBuilder("load").ofLongs().build();
    var logger = loggers.get("load");
    long begin = System.nanoTime();
    for (int item = 0; item < options.count(); item++) {
      if (options.rate() > 0) {
        long due = begin + (long) (item / options.rate() * 1e9);
        TimeUnit.NANOSECONDS.sleep(Math.max(0, due - System.nanoTime()));
      }
      Attributes attributes = Attributes.builder().put("item", item).build();
      if (options.has("traces")) {
        tracer.spanBuilder("load").setAllAttributes(attributes).startSpan().end();
      }
      if (options.has("metrics")) {
        gauge.set(item, attributes);
      }
      if (options.has("logs")) {
        logger.logRecordBuilder().setBody("load").setAllAttributes(attributes).emit();
      }
    }
  }

  private void content() {
    var tracer =
        tracers
            .tracerBuilder("content")
            .setInstrumentationVersion("1.2.3")
            .setSchemaUrl(Content.SCHEMA)
            .build();
    if (options.has("traces")) {
      Content.spans(tracer, options.count());
    }
    if (options.has("metrics")) {
      var meter = meters.meterBuilder("content").setInstrumentationVersion("1.2.3").build();
      Content.metrics(meter, tracer, options.count());
    }
    if (options.has("logs")) {
      var logger = loggers.loggerBuilder("content").setInstrumentationVersion("1.2.3").build();
      Content.logs(logger, tracer, options.count());
    }
  }

  private void stop() {
    List<Supplier<CompletableResultCode>> ends =
        List.of(
            tracers::forceFlush,
            meters::forceFlush,
            loggers::forceFlush,
            tracers::shutdown,
            meters::shutdown,
            loggers::shutdown);
    for (Supplier<CompletableResultCode> end : ends) {
      end.get().join(LAST_FLUSH_SECONDS, TimeUnit.SECONDS);
    }
  }

  public static void main(String[] args) throws Exception {
    Options options = Options.parse(args);
    Client client = new Client(options);
    if (options.content()) {
      client.content();
    } else {
      client.load();
    }
    client.stop();
    Map<String, Integer> produced = new LinkedHashMap<>();
    options.signals().forEach(signal -> produced.put(signal, options.count()));
    System.out.println(client.report.json(produced));
    System.exit(0);
  }
}
