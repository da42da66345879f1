package main

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"
)

func resourceAttributes() []attribute.KeyValue {
	return append(allKinds(), attribute.String("service.name", serviceName))
}

// allKinds has an attribute of every kind, with the values at which encoders go wrong.
func allKinds() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("text", "plain"),
		attribute.String("text.empty", ""),
		attribute.String("text.unicode", "Zürich 東京 😀 \u0000 \" \\ \n \u2028"),
		attribute.String("text.long", strings.Repeat("0123456789", 30)),
		attribute.Bool("yes", true),
		attribute.Bool("no", false),
		attribute.Int64("int.zero", 0),
		attribute.Int64("int.least", math.MinInt64),
		attribute.Int64("int.most", math.MaxInt64),
		attribute.Float64("double", 0.1),
		attribute.Float64("double.zero", 0),
		attribute.Float64("double.whole", 3),
		attribute.Float64("double.least", math.SmallestNonzeroFloat64),
		attribute.Float64("double.most", -math.MaxFloat64),
		attribute.Float64("double.infinite", math.Inf(1)),
		attribute.Float64("double.nan", math.NaN()),
		attribute.StringSlice("texts", []string{"a", "", "ß"}),
		attribute.StringSlice("texts.none", []string{}),
		attribute.BoolSlice("bools", []bool{true, false}),
		attribute.Int64Slice("ints", []int64{0, -1, math.MaxInt64}),
		attribute.Float64Slice("doubles", []float64{0, 0.5, 1e300}),
	}
}

// nested is what only values of logs and newer attributes can hold.
func nested() attribute.Value {
	return attribute.MapValue(
		attribute.ByteSlice("bytes", []byte{0, 1, 254, 255}),
		attribute.ByteSlice("bytes.none", nil),
		attribute.Slice("list", attribute.Int64Value(1), attribute.StringValue("two"),
			attribute.MapValue(attribute.Bool("three", true))),
		attribute.Map("map.none"),
	)
}

func exponential() sdkmetric.View {
	return sdkmetric.NewView(sdkmetric.Instrument{Name: "exponential"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{
			MaxSize: 160, MaxScale: 20}})
}

// emitter makes one plain item of each wanted signal per call.
func emitter(o Options, p providers) func(context.Context, attribute.KeyValue) {
	tracer := p.tracers.Tracer("load")
	gauge, _ := p.meters.Meter("load").Int64Gauge("load")
	logger := p.loggers.Logger("load")
	return func(ctx context.Context, item attribute.KeyValue) {
		if o.has("traces") {
			_, span := tracer.Start(ctx, "load", trace.WithAttributes(item))
			span.End()
		}
		if o.has("metrics") {
			gauge.Record(ctx, item.Value.AsInt64(), metric.WithAttributes(item))
		}
		if o.has("logs") {
			var record log.Record
			record.SetBody(attribute.StringValue("load"))
			record.SetTimestamp(time.Now())
			record.AddAttributes(item)
			logger.Emit(ctx, record)
		}
	}
}

// content makes o.count items of each wanted signal that have everything an item can have.
func content(ctx context.Context, o Options, p providers) {
	if o.has("traces") {
		contentSpans(ctx, o, p)
	}
	if o.has("metrics") {
		contentMetrics(ctx, o, p)
	}
	if o.has("logs") {
		contentLogs(ctx, o, p)
	}
}

func contentSpans(ctx context.Context, o Options, p providers) {
	tracer := p.tracers.Tracer("content", trace.WithInstrumentationVersion("1.2.3"),
		trace.WithSchemaURL(schemaURL), trace.WithInstrumentationAttributes(allKinds()...))
	state, _ := trace.ParseTraceState("vendor=value,other=1")
	for index := range o.count {
		from := trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{15: byte(index + 1)}, SpanID: trace.SpanID{7: byte(index + 1)},
			TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true})
		inside, span := tracer.Start(trace.ContextWithRemoteSpanContext(ctx, from),
			"operation "+strconv.Itoa(index), trace.WithSpanKind(trace.SpanKind(index%6)),
			trace.WithAttributes(append(allKinds(), attribute.Int("item", index))...),
			trace.WithAttributes(attribute.KeyValue{Key: "nested", Value: nested()}),
			trace.WithLinks(trace.Link{SpanContext: from, Attributes: allKinds()}, trace.Link{}))
		span.AddEvent("event", trace.WithAttributes(allKinds()...))
		span.AddEvent("", trace.WithTimestamp(time.Unix(0, 1)))
		span.SetStatus(codes.Code(index%3), "described")
		_, child := tracer.Start(inside, "", trace.WithTimestamp(time.Unix(0, 1)))
		child.End(trace.WithTimestamp(time.Unix(0, 1)))
		span.End()
	}
}

func contentMetrics(ctx context.Context, o Options, p providers) {
	meter := p.meters.Meter("content", metric.WithInstrumentationVersion("1.2.3"),
		metric.WithSchemaURL(schemaURL), metric.WithInstrumentationAttributes(allKinds()...))
	about := metric.WithDescription("described")
	unit := metric.WithUnit("By")
	whole, _ := meter.Int64Counter("counter.int", about, unit)
	broken, _ := meter.Float64Counter("counter.double", about, unit)
	both, _ := meter.Int64UpDownCounter("updown", about, unit)
	gauge, _ := meter.Float64Gauge("gauge", about, unit)
	buckets, _ := meter.Float64Histogram("histogram", about, unit)
	powers, _ := meter.Float64Histogram("exponential", about, unit)
	ctx, span := p.tracers.Tracer("exemplars").Start(ctx, "exemplar")
	defer span.End()
	for index := range o.count {
		item := attribute.Int("item", index)
		value := float64(index) * 1.5
		options := metric.WithAttributes(append(allKinds(), item)...)
		whole.Add(ctx, int64(index), options)
		broken.Add(ctx, value, options)
		both.Add(ctx, int64(-index), options)
		gauge.Record(ctx, -value, options)
		for _, factor := range []float64{0, 0.001, 1, 1e6} {
			buckets.Record(ctx, value*factor, options)
			powers.Record(ctx, value*factor, options)
			powers.Record(ctx, -value*factor, options)
		}
	}
	meter.Int64ObservableGauge("observed", metric.WithInt64Callback(
		func(_ context.Context, observer metric.Int64Observer) error {
			observer.Observe(math.MinInt64, metric.WithAttributes(allKinds()...))
			return nil
		}))
}

func contentLogs(ctx context.Context, o Options, p providers) {
	logger := p.loggers.Logger("content", log.WithInstrumentationVersion("1.2.3"),
		log.WithSchemaURL(schemaURL), log.WithInstrumentationAttributes(allKinds()...))
	inside, span := p.tracers.Tracer("logs").Start(ctx, "logs")
	defer span.End()
	bodies := []attribute.Value{{}, nested()}
	for _, pair := range allKinds() {
		bodies = append(bodies, pair.Value)
	}
	for index := range o.count {
		var record log.Record
		record.SetBody(bodies[index%len(bodies)])
		record.SetSeverity(log.Severity(index % 25))
		record.SetSeverityText("as the application says")
		if index%2 == 0 {
			record.SetTimestamp(time.Unix(1, 1))
			record.SetEventName("event.name")
		}
		record.AddAttributes(append(allKinds(), attribute.Int("item", index))...)
		record.AddAttributes(attribute.KeyValue{Key: "nested", Value: nested()})
		logger.Emit(inside, record)
	}
}
