import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.logs.data.LogRecordData;
import io.opentelemetry.sdk.logs.export.LogRecordExporter;
import io.opentelemetry.sdk.metrics.InstrumentType;
import io.opentelemetry.sdk.metrics.data.AggregationTemporality;
import io.opentelemetry.sdk.metrics.data.MetricData;
import io.opentelemetry.sdk.metrics.export.MetricExporter;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.util.Collection;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/** Exporters that note what the SDK was told of each batch, and give it to a control as well. */
final class Recorders {
  private static final AttributeKey<Long> ITEM = AttributeKey.longKey("item");
  private static final String NO_CONTROL = "the control failed";

  private Recorders() {}

  private static List<Long> items(Stream<Attributes> attributes) {
    return attributes.map(one -> one.get(ITEM)).filter(Objects::nonNull).toList();
  }

  private static void watch(Report report, CompletableResultCode control) {
    control.whenComplete(
        () -> {
          if (!control.isSuccess()) {
            report.error(NO_CONTROL);
          }
        });
  }

  record Spans(SpanExporter real, SpanExporter control, Report report) implements SpanExporter {
    @Override
    public CompletableResultCode export(Collection<SpanData> spans) {
      if (control != null) {
        watch(report, control.export(spans));
      }
      List<Long> items = items(spans.stream().map(SpanData::getAttributes));
      return report.timed("traces", items, () -> real.export(spans));
    }

    @Override
    public CompletableResultCode flush() {
      return real.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return real.shutdown();
    }
  }

  record Logs(LogRecordExporter real, LogRecordExporter control, Report report)
      implements LogRecordExporter {
    @Override
    public CompletableResultCode export(Collection<LogRecordData> logs) {
      if (control != null) {
        watch(report, control.export(logs));
      }
      List<Long> items = items(logs.stream().map(LogRecordData::getAttributes));
      return report.timed("logs", items, () -> real.export(logs));
    }

    @Override
    public CompletableResultCode flush() {
      return real.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return real.shutdown();
    }
  }

  record Metrics(MetricExporter real, MetricExporter control, Report report)
      implements MetricExporter {
    @Override
    public CompletableResultCode export(Collection<MetricData> metrics) {
      if (metrics.isEmpty()) {
        return CompletableResultCode.ofSuccess();
      }
      if (control != null) {
        watch(report, control.export(metrics));
      }
      List<Long> items =
          items(
              metrics.stream()
                  .flatMap(metric -> metric.getData().getPoints().stream())
                  .map(point -> point.getAttributes()));
      return report.timed("metrics", items, () -> real.export(metrics));
    }

    @Override
    public AggregationTemporality getAggregationTemporality(InstrumentType type) {
      return real.getAggregationTemporality(type);
    }

    @Override
    public CompletableResultCode flush() {
      return real.flush();
    }

    @Override
    public CompletableResultCode shutdown() {
      return real.shutdown();
    }
  }
}
