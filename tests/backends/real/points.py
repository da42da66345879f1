"""Requests of a load whose items a real backend can be asked for.

An item's identity is a number from 1 on. A data point carries it as its value: the series are
(client, index in the request), and within a series time only rises. A log record carries it as its
body, a span as its span ID. Reads such requests too, also the JSON form.
"""

import itertools
import json
import os
import threading
import time

from harness.items import REQUESTS

METRIC = "gapless_load"
SERVICE = "client-"
_ids = itertools.count(1)
_lock = threading.Lock()


def fresh(count):
    with _lock:
        return list(itertools.islice(_ids, count))


class Clock:
    """Nanoseconds of the wall clock in whole milliseconds, never the same twice."""

    def __init__(self):
        self._last = 0

    def next(self):
        self._last = max(self._last + 1, time.time_ns() // 1_000_000)
        return self._last * 1_000_000


def _resource(target, client):
    attribute = target.attributes.add(key="service.name")
    attribute.value.string_value = f"{SERVICE}{client}"


def make_request(signal, client, ids, now, padding=0):
    """An export request of one client, one item per identity, all with the time `now` (ns).
    padding: bytes of an attribute of every span."""
    request = REQUESTS[signal]()
    if signal == "metrics":
        entry = request.resource_metrics.add()
        metric = entry.scope_metrics.add().metrics.add(name=METRIC)
        for index, number in enumerate(ids):
            point = metric.gauge.data_points.add(time_unix_nano=now, as_int=number)
            point.attributes.add(key="series").value.string_value = str(index)
    elif signal == "logs":
        entry = request.resource_logs.add()
        records = entry.scope_logs.add().log_records
        for number in ids:
            records.add(time_unix_nano=now, severity_number=9).body.string_value = str(number)
    else:
        entry = request.resource_spans.add()
        spans = entry.scope_spans.add().spans
        for number in ids:
            span = spans.add(trace_id=ids[0].to_bytes(16, "big"), span_id=number.to_bytes(8, "big"),
                             name="operation", kind=2, start_time_unix_nano=now,
                             end_time_unix_nano=now + 1000)
            if padding:
                span.attributes.add(key="padding").value.string_value = os.urandom(
                    padding // 2).hex()
    _resource(entry.resource, client)
    return request


def _ids_of(signal, request):
    if signal == "metrics":
        for entry in request.resource_metrics:
            for scope in entry.scope_metrics:
                for metric in scope.metrics:
                    yield from (point.as_int for point in metric.gauge.data_points)
    elif signal == "logs":
        for entry in request.resource_logs:
            for scope in entry.scope_logs:
                yield from (int(record.body.string_value) for record in scope.log_records)
    else:
        for entry in request.resource_spans:
            for scope in entry.scope_spans:
                yield from (int.from_bytes(span.span_id, "big") for span in scope.spans)


def _ids_of_json(node):
    """The identities in OTLP's JSON, whose IDs are hexadecimal, so that protobuf cannot read it."""
    if isinstance(node, list):
        for entry in node:
            yield from _ids_of_json(entry)
    elif isinstance(node, dict):
        if "timeUnixNano" in node and "asInt" in node:
            yield int(node["asInt"])
        elif "severityNumber" in node and "body" in node:
            yield int(node["body"]["stringValue"])
        elif "spanId" in node:
            yield int(node["spanId"], 16)
        else:
            for entry in node.values():
                yield from _ids_of_json(entry)


def read_ids(signal, body, as_json=False):
    """The identities of all items of an uncompressed request."""
    if as_json:
        return list(_ids_of_json(json.loads(body)))
    return list(_ids_of(signal, REQUESTS[signal].FromString(body)))
