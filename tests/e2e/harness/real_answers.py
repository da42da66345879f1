"""What real backends answer, in their words: one profile for each, as data.

Heard from Prometheus 3.16, VictoriaMetrics 1.151, VictoriaLogs 1.52, Cortex 1.21, Jaeger 2, Phoenix
and MLflow. The server that plays them is scripted_process.py; how they store is scripted_store.py.
"""

import json
from dataclasses import dataclass

from google.rpc import status_pb2

from harness.items import PATHS, SIGNALS

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Answer:
    """A status line, a body and its type; no type: the header is left out, as several do."""

    status: int
    body: bytes = b""
    kind: str = ""
    headers: tuple = ()

    @property
    def words(self):
        """The body for people. A protobuf Status shows its message."""
        if self.kind == PROTOBUF and self.status >= 300:
            return status_pb2.Status.FromString(self.body).message
        return self.body.decode(errors="replace").strip()


def text(status, words):
    return Answer(status, words.encode() + b"\n", TEXT)


def detail(status, words):
    """As FastAPI puts it."""
    return Answer(status, json.dumps({"detail": words}).encode(), JSON)


def rpc_status(status, code, words):
    body = status_pb2.Status(code=code, message=words).SerializeToString()
    return Answer(status, body, PROTOBUF)


OK = Answer(200)


@dataclass(frozen=True)
class Profile:
    """What one backend answers. Words may hold {path}, {codec}, {limit}, {items}, {fault}.

    base: the path before /v1/logs and the like. reads_json: whether JSON is taken. tenant: the
    header that a request must carry, and the answer to one that does not. codecs: the
    Content-Encodings it knows beside none. read_only: what data hears then; None: a success, and
    nothing is stored. read_only_spares_empty: an empty export is answered as ever meanwhile.
    bad_sample: what a request hears that holds an item which is out of order or invalid.
    keeps_good: whether the other items of such a request are stored all the same. ordered: older
    samples of a series than its newest are refused. forgets: seconds of what it acknowledged last
    that die with the process.
    """

    name: str
    base: str = ""
    signals: tuple = SIGNALS
    taken: Answer = OK
    empty: Answer = OK
    rubbish: Answer = text(400, "cannot unmarshal the request")
    json: Answer = OK
    reads_json: bool = True
    unknown_path: Answer = text(404, "404 page not found")
    tenant: tuple = ()
    codecs: frozenset = frozenset({"gzip"})
    unknown_codec: Answer = text(400, "unsupported compression: {codec}")
    overload: Answer = text(429, "too many requests")
    read_only: Answer | None = text(503, "read-only")
    read_only_spares_empty: bool = True
    starting: Answer = text(503, "Service Unavailable")
    bad_sample: Answer = text(400, "invalid item: {fault}")
    keeps_good: bool = False
    ordered: bool = False
    forgets: float = 0.0

    @property
    def paths(self):
        return {self.base + PATHS[signal]: signal for signal in self.signals}


VICTORIA_CODECS = frozenset({"gzip", "deflate", "snappy", "zstd"})

PROMETHEUS = Profile(
    "prometheus",
    base="/api/v1/otlp",
    signals=("metrics",),
    rubbish=text(400, "proto: cannot parse invalid wire-format data"),
    unknown_codec=text(
        400, 'unsupported compression: {codec}. Only "gzip" or no compression supported'),
    read_only=None,
    starting=text(503, "Service Unavailable"),
    bad_sample=text(400, "{fault}"),
    ordered=True,
)
VICTORIA_METRICS = Profile(
    "victoria_metrics",
    base="/opentelemetry",
    signals=("metrics",),
    rubbish=text(400, "cannot unmarshal request from protobuf: invalid wire type"),
    reads_json=False,
    json=text(400, "json encoding isn't supported for opentelemetry format. "
                   "Use protobuf encoding"),
    unknown_path=text(400, 'unsupported path requested: "{path}"'),
    codecs=VICTORIA_CODECS,
    unknown_codec=text(400, 'unsupported contentType: "{codec}"'),
    read_only=text(503, "cannot add rows: the storage is in read-only mode; "
                        "check -storage.minFreeDiskSpaceBytes"),
    forgets=7.0,
)
VICTORIA_LOGS = Profile(
    "victoria_logs",
    base="/insert/opentelemetry",
    signals=("logs",),
    rubbish=text(400, "cannot decode the request: cannot read the next field"),
    reads_json=False,
    json=text(400, "json encoding isn't supported for opentelemetry format. "
                   "Use protobuf encoding"),
    unknown_path=text(400, 'unsupported path requested: "{path}"'),
    codecs=VICTORIA_CODECS,
    unknown_codec=text(400, 'unsupported contentType: "{codec}"'),
    read_only=text(429, "cannot add rows into the storage: the storage is in read-only mode; "
                        "check -storage.minFreeDiskSpaceBytes"),
    read_only_spares_empty=False,
    forgets=10.0,
)
CORTEX = Profile(
    "cortex",
    base="/api/v1/otlp",
    signals=("metrics",),
    rubbish=text(400, "proto: wrong wireType = 6 for field Metrics"),
    tenant=("X-Scope-OrgID", text(401, "no org id")),
    unknown_codec=text(400, "unsupported compression: {codec}. Only gzip or no compression"),
    overload=text(429, "ingestion rate limit ({limit}) exceeded while adding {items} samples and "
                       "0 metadata"),
    read_only=text(503, "rpc error: code = Unavailable desc = the ingester is read-only"),
    bad_sample=text(400, "user=tests: err: {fault}"),
    keeps_good=True,
    ordered=True,
)
JAEGER = Profile(
    "jaeger",
    signals=("traces",),
    taken=Answer(200, b"\x0a\x00", PROTOBUF),
    empty=Answer(200, b"\x0a\x00", PROTOBUF),
    rubbish=rpc_status(400, 3, "proto: ExportTraceServiceRequest: wiretype end group for "
                               "non-group"),
    json=Answer(200, b'{"partialSuccess":{}}', JSON),
    codecs=frozenset({"gzip", "deflate", "zlib", "snappy", "x-snappy-framed", "zstd", "lz4"}),
    forgets=0.2,
)
PHOENIX = Profile(
    "phoenix",
    signals=("traces",),
    rubbish=Answer(422, b"Request body is invalid ExportTraceServiceRequest", TEXT),
    unknown_path=detail(405, "Method Not Allowed"),
    codecs=frozenset({"gzip", "deflate"}),
    unknown_codec=Answer(415, b"Unsupported content encoding: {codec}", TEXT),
    reads_json=False,
    json=Answer(415, b"Unsupported content type: application/json", TEXT),
    overload=detail(503, "Server is at capacity. Please try again later."),
    read_only=detail(507, "Database operations are disabled due to insufficient storage. "
                          "Please delete data or increase storage."),
)
MLFLOW = Profile(
    "mlflow",
    signals=("traces",),
    empty=detail(400, "Invalid OpenTelemetry protobuf format: no spans found in the request"),
    rubbish=detail(400, "Invalid OpenTelemetry format: cannot parse the message"),
    unknown_path=detail(405, "Method Not Allowed"),
    tenant=("X-MLflow-Experiment-Id",
            detail(422, "Field required: header x-mlflow-experiment-id")),
    codecs=frozenset({"gzip", "deflate"}),
    unknown_codec=detail(400, "Unsupported Content-Encoding: {codec}"),
    overload=detail(503, "the database is locked"),
    read_only=detail(500, "attempt to write a readonly database"),
)
PROFILES = {profile.name: profile for profile in (
    PROMETHEUS, VICTORIA_METRICS, VICTORIA_LOGS, CORTEX, JAEGER, PHOENIX, MLFLOW)}
