package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/credentials"
)

// destination is one place to send to: the one under test, or the control.
type destination struct {
	endpoint, protocol string
	gzip               bool
	tls                *tls.Config
	temporality        sdkmetric.TemporalitySelector
}

func delta(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }

func tlsConfig(o Options) (*tls.Config, error) {
	if o.ca == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(o.ca)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM(pem)
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// exporters makes the recording exporters of all signals.
func exporters(ctx context.Context, o Options, report *Report) (
	spans *spanRecorder, metrics *metricRecorder, logs *logRecorder, err error) {
	config, err := tlsConfig(o)
	if err != nil {
		return nil, nil, nil, err
	}
	d := destination{o.endpoint, o.protocol, o.compression == "gzip", config, delta}
	if o.mode == "content" {
		d.temporality = sdkmetric.DefaultTemporalitySelector
	}
	spans = &spanRecorder{report: report}
	metrics = &metricRecorder{report: report}
	logs = &logRecorder{report: report}
	if spans.real, metrics.Exporter, logs.real, err = d.open(ctx); err != nil || o.control == "" {
		return
	}
	d.endpoint, d.gzip, d.tls = o.control, false, nil
	if d.protocol == "json" {
		d.protocol = "http"
	}
	spans.control, metrics.control, logs.control, err = d.open(ctx)
	return
}

func (d destination) open(ctx context.Context) (
	spans sdktrace.SpanExporter, metrics sdkmetric.Exporter, logs sdklog.Exporter, err error) {
	make := []func(context.Context) error{
		func(ctx context.Context) (err error) { spans, err = d.spans(ctx); return },
		func(ctx context.Context) (err error) { metrics, err = d.metrics(ctx); return },
		func(ctx context.Context) (err error) { logs, err = d.logs(ctx); return },
	}
	for _, one := range make {
		if err = one(ctx); err != nil {
			return
		}
	}
	return
}

func (d destination) spans(ctx context.Context) (sdktrace.SpanExporter, error) {
	if d.protocol == "grpc" {
		options := []otlptracegrpc.Option{otlptracegrpc.WithEndpoint(d.endpoint)}
		if d.gzip {
			options = append(options, otlptracegrpc.WithCompressor("gzip"))
		}
		if d.tls == nil {
			options = append(options, otlptracegrpc.WithInsecure())
		} else {
			credential := credentials.NewTLS(d.tls)
			options = append(options, otlptracegrpc.WithTLSCredentials(credential))
		}
		return otlptracegrpc.New(ctx, options...)
	}
	options := []otlptracehttp.Option{otlptracehttp.WithEndpoint(d.endpoint)}
	if d.protocol == "json" {
		options = append(options, otlptracehttp.WithEncoding(otlptracehttp.EncodingJSON))
	}
	if d.gzip {
		options = append(options, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	}
	if d.tls == nil {
		options = append(options, otlptracehttp.WithInsecure())
	} else {
		options = append(options, otlptracehttp.WithTLSClientConfig(d.tls))
	}
	return otlptracehttp.New(ctx, options...)
}

func (d destination) metrics(ctx context.Context) (sdkmetric.Exporter, error) {
	if d.protocol == "grpc" {
		options := []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpoint(d.endpoint),
			otlpmetricgrpc.WithTemporalitySelector(d.temporality)}
		if d.gzip {
			options = append(options, otlpmetricgrpc.WithCompressor("gzip"))
		}
		if d.tls == nil {
			options = append(options, otlpmetricgrpc.WithInsecure())
		} else {
			credential := credentials.NewTLS(d.tls)
			options = append(options, otlpmetricgrpc.WithTLSCredentials(credential))
		}
		return otlpmetricgrpc.New(ctx, options...)
	}
	options := []otlpmetrichttp.Option{otlpmetrichttp.WithEndpoint(d.endpoint),
		otlpmetrichttp.WithTemporalitySelector(d.temporality)}
	if d.gzip {
		options = append(options, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	}
	if d.tls == nil {
		options = append(options, otlpmetrichttp.WithInsecure())
	} else {
		options = append(options, otlpmetrichttp.WithTLSClientConfig(d.tls))
	}
	return otlpmetrichttp.New(ctx, options...)
}

func (d destination) logs(ctx context.Context) (sdklog.Exporter, error) {
	if d.protocol == "grpc" {
		options := []otlploggrpc.Option{otlploggrpc.WithEndpoint(d.endpoint)}
		if d.gzip {
			options = append(options, otlploggrpc.WithCompressor("gzip"))
		}
		if d.tls == nil {
			options = append(options, otlploggrpc.WithInsecure())
		} else {
			options = append(options, otlploggrpc.WithTLSCredentials(credentials.NewTLS(d.tls)))
		}
		return otlploggrpc.New(ctx, options...)
	}
	options := []otlploghttp.Option{otlploghttp.WithEndpoint(d.endpoint)}
	if d.gzip {
		options = append(options, otlploghttp.WithCompression(otlploghttp.GzipCompression))
	}
	if d.tls == nil {
		options = append(options, otlploghttp.WithInsecure())
	} else {
		options = append(options, otlploghttp.WithTLSClientConfig(d.tls))
	}
	return otlploghttp.New(ctx, options...)
}
