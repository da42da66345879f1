import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.logs.Logger;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Items that have everything an item can have, with the values at which encoders go wrong. */
final class Content {
  static final String SCHEMA = "https://opentelemetry.io/schemas/1.37.0";

  private Content() {}

  /** An attribute of every kind. */
  static AttributesBuilder allKinds() {
    return Attributes.builder()
        .put("text", "plain")
        .put("text.empty", "")
        .put("text.unicode", "Z\u00fcrich \u6771\u4eac \ud83d\ude00 \0 \" \\ \n \u2028")
        .put("text.long", "0123456789".repeat(30))
        .put("yes", true)
        .put("no", false)
        .put("int.zero", 0)
        .put("int.least", Long.MIN_VALUE)
        .put("int.most", Long.MAX_VALUE)
        .put("double", 0.1)
        .put("double.zero", 0.0)
        .put("double.least", Double.MIN_VALUE)
        .put("double.most", -Double.MAX_VALUE)
        .put("double.infinite", Double.POSITIVE_INFINITY)
        .put("double.nan", Double.NaN)
        .put("texts", "a", "", "\u00df")
        .put(AttributeKey.stringArrayKey("texts.none"), List.of())
        .put("bools", true, false)
        .put("ints", 0, -1, Long.MAX_VALUE)
        .put("doubles", 0, 0.5, 1e300)
        .put(AttributeKey.valueKey("nested"), nested());
  }

  private static Value<?> nested() {
    return Value.of(
        KeyValue.of("bytes", Value.of(new byte[] {0, 1, (byte) 254, (byte) 255})),
        KeyValue.of("bytes.none", Value.of(new byte[0])),
        KeyValue.of("list", Value.of(Value.of(1), Value.of("two"), Value.of(true))),
        KeyValue.of("map.none", Value.of(new KeyValue[0])));
  }

  private static Attributes item(int index) {
    return allKinds().put("item", index).build();
  }

  static void spans(Tracer tracer, int count) {
    TraceState state = TraceState.builder().put("vendor", "value").put("other", "1").build();
    for (int index = 0; index < count; index++) {
      SpanContext from =
          SpanContext.createFromRemoteParent(
              String.format("%032x", index + 1),
              String.format("%016x", index + 1),
              TraceFlags.getSampled(),
              state);
      Span span =
          tracer
              .spanBuilder("operation " + index)
              .setParent(Context.root().with(Span.wrap(from)))
              .setSpanKind(SpanKind.values()[index % SpanKind.values().length])
              .setAllAttributes(item(index))
              .addLink(from, allKinds().build())
              .addLink(from)
              .startSpan();
      span.addEvent("event", allKinds().build());
      span.addEvent("", 1, TimeUnit.NANOSECONDS);
      span.setStatus(StatusCode.values()[index % StatusCode.values().length], "described");
      tracer
          .spanBuilder("")
          .setParent(Context.root().with(span))
          .setStartTimestamp(1, TimeUnit.NANOSECONDS)
          .startSpan()
          .end(1, TimeUnit.NANOSECONDS);
      span.end();
    }
  }

  static void metrics(Meter meter, Tracer tracer, int count) {
    var whole = meter.counterBuilder("counter.int").setDescription("described").setUnit("By");
    var ints = whole.build();
    var broken = meter.counterBuilder("counter.double").ofDoubles().setUnit("By").build();
    var both = meter.upDownCounterBuilder("updown").setUnit("By").build();
    var gauge = meter.gaugeBuilder("gauge").setUnit("By").build();
    var buckets = meter.histogramBuilder("histogram").setUnit("By").build();
    var powers = meter.histogramBuilder("exponential").setUnit("By").build();
    Span span = tracer.spanBuilder("exemplar").startSpan();
    try (Scope ignored = span.makeCurrent()) {
      for (int index = 0; index < count; index++) {
        Attributes attributes = item(index);
        double value = index * 1.5;
        ints.add(index, attributes);
        broken.add(value, attributes);
        both.add(-index, attributes);
        gauge.set(-value, attributes);
        for (double factor : new double[] {0, 0.001, 1, 1e6}) {
          buckets.record(value * factor, attributes);
          powers.record(value * factor, attributes);
        }
      }
    }
    span.end();
    meter
        .gaugeBuilder("observed")
        .ofLongs()
        .buildWithCallback(result -> result.record(Long.MIN_VALUE, allKinds().build()));
  }

  static void logs(Logger logger, Tracer tracer, int count) {
    List<Value<?>> bodies = new ArrayList<>(List.of(nested(), Value.empty()));
    bodies.addAll(List.of(Value.of(""), Value.of(0), Value.of(true), Value.of(0.5)));
    Span span = tracer.spanBuilder("logs").startSpan();
    for (int index = 0; index < count; index++) {
      var record =
          logger
              .logRecordBuilder()
              .setContext(Context.root().with(span))
              .setBody(bodies.get(index % bodies.size()))
              .setSeverity(Severity.values()[index % Severity.values().length])
              .setSeverityText("as the application says")
              .setAllAttributes(item(index));
      if (index % 2 == 0) {
        record.setTimestamp(1, TimeUnit.SECONDS).setEventName("event.name");
      }
      record.emit();
    }
    span.end();
  }
}
