"""Status codes and texts of the receiver, row by row, as clients of a Collector know them."""

import gzip
import json

import grpc
import requests
import yaml
from google.rpc import status_pb2

from harness.configs import pass_through
from harness.items import METHODS, make_body
from harness.load import GrpcClient, HttpClient
from harness.web_backend import WebBackend

PROTO, JSON, TEXT = "application/x-protobuf", "application/json", "text/plain"
BODY = make_body("traces", 2)[0]
JSON_BODY = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [
    {"traceId": "01" * 16, "spanId": "02" * 8, "name": "x"}]}]}]}).encode()
LIMIT = 64 * 1024
LARGE = b"\x0a\x80\x80\x08" + bytes(LIMIT * 2)
INVALID, INTERNAL = 3, 13


class Words:
    """A google.rpc.Status with this code, and these words in its message, in an encoding."""

    def __init__(self, kind, code, words):
        self.kind, self.code, self.words = kind, code, words

    def fits(self, body):
        if self.kind == PROTO:
            status = status_pb2.Status.FromString(body)
            return status.code == self.code and self.words in status.message
        status = json.loads(body)
        return status["code"] == self.code and self.words in status["message"]


# name: (method, path, headers, body) -> (status, content type, body or Words)
REQUESTS = {
    "protobuf": (("POST", "/v1/traces", {"Content-Type": PROTO}, BODY), (200, PROTO, b"\x0a\x00")),
    "JSON": (("POST", "/v1/traces", {"Content-Type": JSON}, JSON_BODY),
             (200, JSON, b'{"partialSuccess":{}}')),
    "parameters of the type are ignored":
        (("POST", "/v1/traces", {"Content-Type": JSON + "; charset=utf-8"}, JSON_BODY),
         (200, JSON, b'{"partialSuccess":{}}')),
    "no items": (("POST", "/v1/traces", {"Content-Type": PROTO}, b""),
                 (200, PROTO, b"\x0a\x00")),
    "no items, JSON": (("POST", "/v1/traces", {"Content-Type": JSON}, b"{}"),
                       (200, JSON, b'{"partialSuccess":{}}')),
    "another method": (("GET", "/v1/traces", {}, None),
                       (405, TEXT, b"405 method not allowed, supported: [POST]")),
    "PUT": (("PUT", "/v1/traces", {"Content-Type": PROTO}, BODY),
            (405, TEXT, b"405 method not allowed, supported: [POST]")),
    "another type": (("POST", "/v1/traces", {"Content-Type": "text/plain"}, BODY),
                     (415, TEXT, b"415 unsupported media type, supported: "
                                 b"[application/json, application/x-protobuf]")),
    "no type": (("POST", "/v1/traces", {}, BODY),
                (415, TEXT, b"415 unsupported media type, supported: "
                            b"[application/json, application/x-protobuf]")),
    "unknown path": (("POST", "/v1/nothing", {"Content-Type": PROTO}, BODY),
                     (404, TEXT, b"404 page not found\n")),
    "a signal without a pipeline": (("POST", "/v1/metrics", {"Content-Type": PROTO}, b""),
                                    (404, TEXT, b"404 page not found\n")),
    "no protobuf": (("POST", "/v1/traces", {"Content-Type": PROTO}, b"\xff\xff\xff"),
                    (400, PROTO, Words(PROTO, INVALID, ""))),
    "no JSON": (("POST", "/v1/traces", {"Content-Type": JSON}, b"{"),
                (400, JSON, Words(JSON, INVALID, ""))),
    "a wrong trace ID": (("POST", "/v1/traces", {"Content-Type": JSON},
                          JSON_BODY.replace(b"0101", b"01zz", 1)),
                         (400, JSON, Words(JSON, INVALID, ""))),
    "unknown encoding": (("POST", "/v1/traces",
                          {"Content-Type": PROTO, "Content-Encoding": "br"}, BODY),
                         (400, PROTO, Words(PROTO, INVALID, "unsupported Content-Encoding: br"))),
    "unknown encoding, JSON":
        (("POST", "/v1/traces", {"Content-Type": JSON, "Content-Encoding": "br"}, BODY),
         (400, JSON, Words(JSON, INVALID, "unsupported Content-Encoding: br"))),
    "unknown encoding, no type":
        (("POST", "/v1/traces", {"Content-Encoding": "br"}, BODY),
         (400, JSON, Words(JSON, INVALID, "unsupported Content-Encoding: br"))),
    "unknown encoding, another type":
        (("POST", "/v1/traces", {"Content-Type": "text/plain", "Content-Encoding": "br"}, BODY),
         (500, JSON, Words(JSON, INTERNAL, "failed to marshal error message"))),
    "two encodings":
        (("POST", "/v1/traces", {"Content-Type": PROTO, "Content-Encoding": "gzip, gzip"}, BODY),
         (400, PROTO, Words(PROTO, INVALID, "unsupported Content-Encoding: gzip, gzip"))),
    "no gzip": (("POST", "/v1/traces", {"Content-Type": PROTO, "Content-Encoding": "gzip"},
                 b"this is no gzip"), (400, PROTO, Words(PROTO, INVALID, ""))),
    "too large": (("POST", "/v1/traces", {"Content-Type": PROTO}, LARGE),
                  (400, PROTO, Words(PROTO, INVALID, "http: request body too large"))),
    "too large when decompressed":
        (("POST", "/v1/traces", {"Content-Type": PROTO, "Content-Encoding": "gzip"},
          gzip.compress(LARGE)), (400, PROTO, Words(PROTO, INVALID, ""))),
}


def test_what_the_http_receiver_answers(make_backend, make_collector):
    limit = f"receivers: {{otlp: {{protocols: {{http: {{max_request_body_size: {LIMIT}}}}}}}}}"
    collector = make_collector(pass_through(make_backend(), signals=("traces",)), limit)
    wrong = {}
    for name, ((method, path, headers, body), (status, kind, text)) in REQUESTS.items():
        answer = requests.request(method, collector.http + path, headers=headers, data=body,
                                  timeout=10)
        good = (answer.status_code == status
                and answer.headers.get("Content-Type", "").startswith(kind)
                and (text.fits(answer.content) if isinstance(text, Words)
                     else answer.content == text))
        if not good:
            wrong[name] = (answer.status_code, answer.headers.get("Content-Type"), answer.content)
    assert not wrong


def test_what_the_grpc_receiver_answers(make_backend, make_collector):
    limit = "receivers: {otlp: {protocols: {grpc: {max_recv_msg_size_mib: 1}}}}"
    collector = make_collector(pass_through(make_backend(), signals=("traces",)), limit)
    rows = (
        (METHODS["traces"], BODY, "OK", ""),
        (METHODS["traces"], b"", "OK", ""),
        (METHODS["traces"], b"\xff\xff\xff", "INVALID_ARGUMENT", ""),
        (METHODS["traces"], bytes(1 << 21), "RESOURCE_EXHAUSTED",
         "grpc: received message larger than max"),
        (METHODS["metrics"], b"", "UNIMPLEMENTED",
         "unknown service opentelemetry.proto.collector.metrics.v1.MetricsService"),
        (METHODS["traces"] + "x", b"", "UNIMPLEMENTED", "unknown method Exportx for service "
         "opentelemetry.proto.collector.trace.v1.TraceService"),
        ("/a.B/C", b"", "UNIMPLEMENTED", "unknown service a.B"),
    )
    wrong = []
    with grpc.insecure_channel(collector.grpc) as channel:
        for method, body, code, words in rows:
            try:
                channel.unary_unary(method)(body, timeout=10)
                got = ("OK", "", ())
            except grpc.RpcError as error:
                got = (error.code().name, error.details(), error.trailing_metadata() or ())
            details = "grpc-status-details-bin" in dict(got[2])
            if got[0] != code or words not in got[1] or (code != "OK" and details):
                wrong.append((method, code, got))
    assert not wrong


# What a backend answers, with the queue off -> the gRPC code and the HTTP status of the client.
FROM_GRPC = {
    "CANCELLED": ("CANCELLED", 503),
    "UNKNOWN": ("UNKNOWN", 500),
    "INVALID_ARGUMENT": ("INVALID_ARGUMENT", 400),
    "DEADLINE_EXCEEDED": ("DEADLINE_EXCEEDED", 503),
    "NOT_FOUND": ("NOT_FOUND", 500),
    "ALREADY_EXISTS": ("ALREADY_EXISTS", 500),
    "PERMISSION_DENIED": ("PERMISSION_DENIED", 403),
    "RESOURCE_EXHAUSTED": ("RESOURCE_EXHAUSTED", 429),
    "FAILED_PRECONDITION": ("FAILED_PRECONDITION", 500),
    "ABORTED": ("ABORTED", 503),
    "OUT_OF_RANGE": ("OUT_OF_RANGE", 503),
    "UNIMPLEMENTED": ("UNIMPLEMENTED", 404),
    "INTERNAL": ("INTERNAL", 500),
    "UNAVAILABLE": ("UNAVAILABLE", 503),
    "DATA_LOSS": ("DATA_LOSS", 503),
    "UNAUTHENTICATED": ("UNAUTHENTICATED", 401),
}
FROM_HTTP = {
    400: ("INVALID_ARGUMENT", 400), 401: ("UNAUTHENTICATED", 401),
    403: ("PERMISSION_DENIED", 403), 404: ("UNIMPLEMENTED", 404),
    429: ("RESOURCE_EXHAUSTED", 429), 502: ("UNAVAILABLE", 503), 503: ("UNAVAILABLE", 503),
    504: ("UNAVAILABLE", 503), 405: ("UNKNOWN", 500), 408: ("UNKNOWN", 500),
    409: ("UNKNOWN", 500), 418: ("UNKNOWN", 500), 500: ("UNKNOWN", 500),
    413: ("FAILED_PRECONDITION", 500),  # not to be repeated as it is
    501: ("UNKNOWN", 500),
}
NO_QUEUE = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}


def heard(collector):
    """(gRPC code, HTTP status) of a client of either transport."""
    with GrpcClient(collector.grpc) as client:
        code = client.export("traces", BODY)[0].name
    return code, HttpClient(collector.http).export("traces", BODY).status_code


def test_a_grpc_backends_answers_reach_the_clients(make_backend, make_collector):
    wrong = {}
    for answer, expected in FROM_GRPC.items():
        backend = make_backend()
        backend.behave(answer)
        # Each with a level that nothing is known of yet.
        collector = make_collector(pass_through(backend, signals=("traces",), **NO_QUEUE))
        if (got := heard(collector)) != expected:
            wrong[answer] = got
        collector.stop()
    assert not wrong


def test_an_http_backends_answers_reach_the_clients(make_collector):
    wrong = {}
    for answer, expected in FROM_HTTP.items():
        backend = WebBackend(lambda request, answer=answer: answer)
        config = {"exporters": {"otlphttp": {"endpoint": f"http://{backend.endpoint}",
                                             **NO_QUEUE}},
                  "service": {"pipelines": {"traces": {"receivers": ["otlp"],
                                                       "exporters": ["otlphttp"]}}}}
        collector = make_collector(yaml.safe_dump(config))
        if (got := heard(collector)) != expected:
            wrong[answer] = got
        collector.stop()
        backend.close()
    assert not wrong
