"""OTLP/JSON as browsers and SDKs write it: what a Collector takes is taken, and read alike."""

import json

import pytest
import requests

from harness.configs import pass_through
from harness.items import REQUESTS, new_ids

REPLACED = "\ufffd"


def spans_json(ids):
    """The text of a request, with a marked value in every attribute."""
    spans = [{"traceId": "5b8efff798038103d269b633813fc60c", "spanId": f"{number:016x}",
              "name": "operation", "startTimeUnixNano": "1", "endTimeUnixNano": "2",
              "attributes": [{"key": "text", "value": {"stringValue": "MARK"}}]}
             for number in ids]
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def send(collector, body):
    return requests.post(f"{collector.http}/v1/traces", data=body, timeout=10,
                         headers={"Content-Type": "application/json"})


def texts(backend):
    """span ID -> value of the attribute"""
    found = {}
    for request in backend.received:
        message = REQUESTS["traces"].FromString(request.body)
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    number = int.from_bytes(span.span_id, "big")
                    found[number] = [a.value.string_value for a in span.attributes]
    return found


@pytest.mark.parametrize("written, read", (
    (rb"cut \ud83d", f"cut {REPLACED}"),
    (rb"\ude00 cut", f"{REPLACED} cut"),
    (rb"\ud83d\ud83d\ude00", f"{REPLACED}\U0001f600"),
    (rb"\ud83d\u0041", f"{REPLACED}A"),
    (b"latin \xe9 1", f"latin {REPLACED} 1"),
    (b"cut \xf0\x9f\x98", f"cut {REPLACED * 3}"),
    (b"surrogate \xed\xa0\xbd", f"surrogate {REPLACED * 3}"),
    (b"\\n and\ta raw tab", "\n and\ta raw tab"),
), ids=("high", "low", "high before a pair", "high before a letter", "latin-1", "cut", "cesu-8",
        "tab"))
def test_one_broken_text_costs_neither_its_batch_nor_its_span(
        make_backend, make_collector, written, read):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend, signals=("traces",)))
    ids = new_ids(100)
    body = spans_json(ids).replace(b"MARK", written, 1).replace(b"MARK", b"fine")
    answer = send(collector, body)
    assert answer.status_code == 200, answer.text
    backend.wait_for_ids(ids)
    assert texts(backend) == {ids[0]: [read], **{number: ["fine"] for number in ids[1:]}}


@pytest.mark.parametrize("extra", (
    b'"unknown": 1e999,', b'"unknown": 123456789012345678901234567890,',
    b'"unknown": ' + b"[" * 5000 + b"]" * 5000 + b",",
    b'"links": null, "events": [null],',
    b'"kind": "SPAN_KIND_CLIENT", "droppedEventsCount": "3",',
), ids=("huge", "long", "deep", "null", "names"))
def test_what_nobody_knows_or_writes_otherwise_harms_nobody(
        make_backend, make_collector, extra):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend, signals=("traces",)))
    ids = new_ids(3)
    body = spans_json(ids).replace(b'"name":', extra + b'"name":', 1)
    answer = send(collector, b"\r\n" + body + b" \r\n\t")
    assert answer.status_code == 200, answer.text
    backend.wait_for_ids(ids)


@pytest.mark.parametrize("body", (b"", b"{", b"[]", b"\xef\xbb\xbf{}", b'{"resourceSpans":{}}',
                                  b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":5}]}]}]}'))
def test_what_is_no_request_is_refused_for_good(make_backend, make_collector, body):
    collector = make_collector(pass_through(make_backend(), signals=("traces",)))
    answer = send(collector, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == 3
