"""The real OpenTelemetry Python SDK as a client, and the names of what it sent."""

import logging
import uuid

from opentelemetry import _logs
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from harness.items import PATHS, REQUESTS

# The SDK logs what it retries; a test judges by what arrived.
logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def exporters(endpoint, protocol):
    """(spans, metrics, logs) exporters of the SDK towards host:port (grpc) or a base URL (http)."""
    if protocol == "grpc":
        options = {"endpoint": endpoint, "insecure": True}
        return GrpcSpans(**options), GrpcMetrics(**options), GrpcLogs(**options)
    return (HttpSpans(endpoint=endpoint + PATHS["traces"]),
            HttpMetrics(endpoint=endpoint + PATHS["metrics"]),
            HttpLogs(endpoint=endpoint + PATHS["logs"]))


def send_all_signals(endpoint, protocol, count):
    """Makes count spans, count counters and count log records with fresh names, exports them; the
    set of (signal, name)."""
    spans, metrics, logs = exporters(endpoint, protocol)
    run = uuid.uuid4().hex[:12]
    sent = set()

    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(spans))
    tracer = tracers.get_tracer("e2e")
    for index in range(count):
        name = f"span.{run}.{index}"
        with tracer.start_as_current_span(name) as span:
            span.set_attribute("index", index)
            span.add_event("an event", {"of": name})
        sent.add(("traces", name))

    meters = MeterProvider([PeriodicExportingMetricReader(metrics, export_interval_millis=60000)])
    meter = meters.get_meter("e2e")
    for index in range(count):
        name = f"counter.{run}.{index}"
        meter.create_counter(name).add(index + 1, {"kind": "test"})
        sent.add(("metrics", name))

    loggers = LoggerProvider()
    loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
    logger = loggers.get_logger("e2e")
    for index in range(count):
        name = f"record.{run}.{index}"
        logger.emit(_logs.LogRecord(body=name, severity_text="INFO"))
        sent.add(("logs", name))

    for provider in (tracers, meters, loggers):
        provider.force_flush(10000)
        provider.shutdown()
    return sent


def _names(signal, body):
    request = REQUESTS[signal].FromString(body)
    if signal == "traces":
        return [span.name for resource in request.resource_spans
                for scope in resource.scope_spans for span in scope.spans]
    if signal == "metrics":
        return [metric.name for resource in request.resource_metrics
                for scope in resource.scope_metrics for metric in scope.metrics]
    return [record.body.string_value for resource in request.resource_logs
            for scope in resource.scope_logs for record in scope.log_records]


def all_names(*backends):
    """(signal, name) of everything that the backends (keep_bodies=True) received."""
    return {(request.signal, name) for backend in backends for request in backend.received
            for name in _names(request.signal, request.body)}


def names_at(backend, wanted):
    """All names at the backend once every wanted one is there; None before."""
    names = all_names(backend)
    return names if wanted <= names else None
