// A program that uses the Go SDK as its documentation shows it. The command line and the report are
// those of tests/clients/README.md.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Options is the command line.
type Options struct {
	mode, protocol, endpoint, control, compression, signals string
	ca, cert, key                                           string
	count                                                   int
	rate                                                    float64
}

func (o Options) has(signal string) bool {
	return strings.Contains(","+o.signals+",", ","+signal+",")
}

const (
	batchDelay  = 100 * time.Millisecond
	queueSize   = 1 << 16
	lastFlush   = 60 * time.Second
	schemaURL   = "https://opentelemetry.io/schemas/1.37.0"
	serviceName = "client-go"
)

func parse() Options {
	var o Options
	flag.StringVar(&o.mode, "mode", "load", "load or content")
	flag.StringVar(&o.protocol, "protocol", "grpc", "grpc, http or json")
	flag.StringVar(&o.endpoint, "endpoint", "", "host:port")
	flag.StringVar(&o.control, "control", "", "host:port that gets the same, without compression")
	flag.StringVar(&o.compression, "compression", "none", "none or gzip")
	flag.StringVar(&o.signals, "signals", "traces", "traces,metrics,logs")
	flag.IntVar(&o.count, "count", 100, "items of each signal")
	flag.Float64Var(&o.rate, "rate", 0, "items per second of each signal, 0: at once")
	flag.StringVar(&o.ca, "ca", "", "TLS with this authority")
	flag.StringVar(&o.cert, "cert", "", "client certificate")
	flag.StringVar(&o.key, "key", "", "its key")
	flag.Parse()
	return o
}

type providers struct {
	tracers *sdktrace.TracerProvider
	meters  *sdkmetric.MeterProvider
	loggers *sdklog.LoggerProvider
}

func start(ctx context.Context, o Options, report *Report) (providers, error) {
	var p providers
	res := resource.NewWithAttributes(schemaURL, resourceAttributes()...)
	spans, metrics, logs, err := exporters(ctx, o, report)
	if err != nil {
		return p, err
	}
	p.tracers = sdktrace.NewTracerProvider(sdktrace.WithResource(res),
		sdktrace.WithBatcher(spans, sdktrace.WithBatchTimeout(batchDelay),
			sdktrace.WithMaxQueueSize(queueSize)))
	reader := sdkmetric.NewPeriodicReader(metrics, sdkmetric.WithInterval(interval(o)))
	p.meters = sdkmetric.NewMeterProvider(sdkmetric.WithResource(res),
		sdkmetric.WithReader(reader), sdkmetric.WithView(exponential()))
	p.loggers = sdklog.NewLoggerProvider(sdklog.WithResource(res),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(logs,
			sdklog.WithExportInterval(batchDelay), sdklog.WithMaxQueueSize(queueSize))))
	return p, nil
}

// Content is collected once, at the end, so that both readers of it see the same.
func interval(o Options) time.Duration {
	if o.mode == "content" {
		return time.Hour
	}
	return batchDelay
}

func (p providers) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastFlush)
	defer cancel()
	for _, end := range []func(context.Context) error{
		p.tracers.ForceFlush, p.meters.ForceFlush, p.loggers.ForceFlush,
		p.tracers.Shutdown, p.meters.Shutdown, p.loggers.Shutdown,
	} {
		if err := end(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "at the end:", err)
		}
	}
}

// load makes o.count plain items of each signal at o.rate.
func load(ctx context.Context, o Options, p providers) {
	make := emitter(o, p)
	begin := time.Now()
	for index := range o.count {
		if o.rate > 0 {
			due := begin.Add(time.Duration(float64(index) / o.rate * float64(time.Second)))
			time.Sleep(time.Until(due))
		}
		make(ctx, attribute.Int("item", index))
	}
}

func main() {
	o := parse()
	report := &Report{Produced: map[string]int{}}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(report.sdkError))
	ctx := context.Background()
	p, err := start(ctx, o, report)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, signal := range strings.Split(o.signals, ",") {
		report.Produced[signal] = o.count
	}
	if o.mode == "content" {
		content(ctx, o, p)
	} else {
		load(ctx, o, p)
	}
	p.stop(ctx)
	json.NewEncoder(os.Stdout).Encode(report)
}
