"""OTLP requests whose items can be told apart, and the reading of identities out of received bytes.

The identity of an item is a 64-bit number: the span ID of a span and of a log record, the time
stamp of a data point. opentelemetry-proto makes and reads the bytes, so nothing here knows gapless.
"""

import itertools
import os
import threading
from array import array

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SIGNALS = ("traces", "metrics", "logs")
REQUESTS = {
    "traces": ExportTraceServiceRequest,
    "metrics": ExportMetricsServiceRequest,
    "logs": ExportLogsServiceRequest,
}
METHODS = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "metrics": "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
PATHS = {"traces": "/v1/traces", "metrics": "/v1/metrics", "logs": "/v1/logs"}

_lock = threading.Lock()
# The process in the upper bits: identities stay unique over processes of one test.
_next_id = itertools.count((os.getpid() & 0xFFFFFF) << 38 | 1)


def new_ids(count):
    with _lock:
        return [next(_next_id) for _ in range(count)]


def _attributes(target, size):
    """About `size` bytes of attributes, as a real item has."""
    for index in range(max(1, size // 48)):
        attribute = target.add()
        attribute.key = f"attribute.number.{index}"
        attribute.value.string_value = f"value-of-some-length-{index:08d}"


def make_request(signal, ids, item_bytes=96, instance=""):
    """An export request with one item per identity.

    instance: makes the resource one of its own, and each data point of a request one of a series of
    its own, of which the next request of the instance has the next point.
    """
    request = REQUESTS[signal]()
    if signal == "traces":
        template = Span(name="operation", kind=2, start_time_unix_nano=1, end_time_unix_nano=2)
        template.trace_id = ids[0].to_bytes(16, "big") if ids else bytes(16)
        _attributes(template.attributes, item_bytes)
        resource = request.resource_spans.add()
        _service(resource.resource, instance)
        target = resource.scope_spans.add().spans
        for number in ids:
            template.span_id = number.to_bytes(8, "big")
            target.add().CopyFrom(template)
    elif signal == "logs":
        template = LogRecord(time_unix_nano=1, severity_number=9)
        template.body.string_value = "something happened"
        _attributes(template.attributes, item_bytes)
        resource = request.resource_logs.add()
        _service(resource.resource, instance)
        target = resource.scope_logs.add().log_records
        for number in ids:
            template.span_id = number.to_bytes(8, "big")
            target.add().CopyFrom(template)
    else:
        resource = request.resource_metrics.add()
        _service(resource.resource, instance)
        metric = resource.scope_metrics.add().metrics.add(name="some.gauge", unit="1")
        for index, number in enumerate(ids):
            point = metric.gauge.data_points.add(time_unix_nano=number, as_int=number)
            _attributes(point.attributes, item_bytes)
            if instance:
                _text(point.attributes, "series", str(index))
    return request


def _service(resource, instance):
    _text(resource.attributes, "service.name", "e2e")
    if instance:
        _text(resource.attributes, "service.instance.id", instance)


def _text(attributes, key, value):
    attribute = attributes.add()
    attribute.key = key
    attribute.value.string_value = value


def make_body(signal, count=1, item_bytes=96, instance=""):
    """(serialized request, identities) with fresh identities."""
    ids = new_ids(count)
    return make_request(signal, ids, item_bytes, instance).SerializeToString(), ids


def _points(metric: Metric):
    kind = metric.WhichOneof("data")
    return getattr(metric, kind).data_points if kind else ()


def read_ids(signal, body):
    """The identities of all items of a serialized request."""
    request = REQUESTS[signal].FromString(body)
    ids = array("Q")
    if signal == "traces":
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                ids.extend(int.from_bytes(span.span_id, "big") for span in scope.spans)
    elif signal == "logs":
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                ids.extend(int.from_bytes(record.span_id, "big") for record in scope.log_records)
    else:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    ids.extend(point.time_unix_nano for point in _points(metric))
    return ids


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def top_level_entries(body):
    """The raw bytes of each ResourceSpans/Metrics/Logs of a request, in order.

    A merged request is its parts glued together: this compares bytes even of a batch.
    """
    entries, at = [], 0
    while at < len(body):
        tag, at = _varint(body, at)
        assert tag & 7 == 2, f"field {tag >> 3} of an export request is not length-delimited"
        size, at = _varint(body, at)
        entries.append((tag >> 3, bytes(body[at : at + size])))
        at += size
    return entries
