package main

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Export is one call of an exporter: what the SDK was told of the batch in the end.
type Export struct {
	Signal string  `json:"signal"`
	Items  []int64 `json:"items"`
	OK     bool    `json:"ok"`
	Error  string  `json:"error"`
	Begin  float64 `json:"begin"`
	End    float64 `json:"end"`
}

// Report is what the program prints.
type Report struct {
	mu       sync.Mutex
	Produced map[string]int `json:"produced"`
	Exports  []Export       `json:"exports"`
	Errors   []string       `json:"errors"`
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// timed runs one export and notes how it ended.
func (r *Report) timed(signal string, items []int64, export func() error) error {
	begin := time.Now()
	err := export()
	one := Export{Signal: signal, Items: items, OK: err == nil,
		Begin: seconds(begin), End: seconds(time.Now())}
	if err != nil {
		one.Error = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Exports = append(r.Exports, one)
	return err
}

func (r *Report) sdkError(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Errors = append(r.Errors, err.Error())
}

func itemOf(pairs []attribute.KeyValue) (int64, bool) {
	for _, pair := range pairs {
		if pair.Key == "item" {
			return pair.Value.AsInt64(), true
		}
	}
	return 0, false
}

type spanRecorder struct {
	real, control sdktrace.SpanExporter
	report        *Report
}

func (s *spanRecorder) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	items := []int64{}
	for _, span := range spans {
		if item, ok := itemOf(span.Attributes()); ok {
			items = append(items, item)
		}
	}
	if s.control != nil {
		if err := s.control.ExportSpans(ctx, spans); err != nil {
			s.report.sdkError(err)
		}
	}
	export := func() error { return s.real.ExportSpans(ctx, spans) }
	return s.report.timed("traces", items, export)
}

func (s *spanRecorder) Shutdown(ctx context.Context) error { return s.real.Shutdown(ctx) }

type metricRecorder struct {
	sdkmetric.Exporter
	control sdkmetric.Exporter
	report  *Report
}

func (m *metricRecorder) Export(ctx context.Context, data *metricdata.ResourceMetrics) error {
	items := []int64{}
	for _, scope := range data.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if gauge, ok := metric.Data.(metricdata.Gauge[int64]); ok {
				for _, point := range gauge.DataPoints {
					if item, ok := itemOf(point.Attributes.ToSlice()); ok {
						items = append(items, item)
					}
				}
			}
		}
	}
	if len(data.ScopeMetrics) == 0 {
		return nil
	}
	if m.control != nil {
		if err := m.control.Export(ctx, data); err != nil {
			m.report.sdkError(err)
		}
	}
	export := func() error { return m.Exporter.Export(ctx, data) }
	return m.report.timed("metrics", items, export)
}

type logRecorder struct {
	real, control sdklog.Exporter
	report        *Report
}

func (l *logRecorder) Export(ctx context.Context, records []sdklog.Record) error {
	items := []int64{}
	for _, record := range records {
		record.WalkAttributes(func(pair attribute.KeyValue) bool {
			if pair.Key == "item" {
				items = append(items, pair.Value.AsInt64())
			}
			return pair.Key != "item"
		})
	}
	if l.control != nil {
		if err := l.control.Export(ctx, records); err != nil {
			l.report.sdkError(err)
		}
	}
	return l.report.timed("logs", items, func() error { return l.real.Export(ctx, records) })
}

func (l *logRecorder) Shutdown(ctx context.Context) error   { return l.real.Shutdown(ctx) }
func (l *logRecorder) ForceFlush(ctx context.Context) error { return l.real.ForceFlush(ctx) }
