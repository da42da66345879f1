"""validate --probe: what it proves about a backend, what it cannot, and in whose words."""

import gzip

import pytest
import yaml

from harness.collector import run_cli
from harness.configs import failover, pass_through
from harness.web_backend import WebBackend

RECEIVER = {"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": "localhost:0"}}}}}
PROOFS = ("REACHABLE", "AUTHENTICATED", "ENCODING", "CODEC", "RESULT")


@pytest.fixture
def make_web():
    made = []

    def make(answer, **options):
        made.append(WebBackend(answer, **options))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


def probe(tmp_path, text):
    """(status, rows by exporter: column -> text, everything that was printed)."""
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(text), **RECEIVER}))
    result = run_cli("validate", "--probe", "--config", path)
    head, *lines = result.stdout.splitlines()
    starts = [head.index(name) for name in head.split()]
    rows = {}
    for line in lines:
        cells = [line[begin:end].strip()
                 for begin, end in zip(starts, [*starts[1:], len(line)])]
        rows[cells[0]] = dict(zip(head.split(), cells))
    return result.returncode, rows, result.stdout + result.stderr


def only(tmp_path, backend, **settings):
    status, rows, printed = probe(tmp_path, pass_through(backend, ("metrics",), **settings))
    row = rows["otlphttp/only"]
    return status, " ".join(row[name] for name in PROOFS), row["SAYS"], printed


def empty_400(request):
    return (400, "no spans found in the request")


def gzip_only(request):
    """As Prometheus: an empty body with another encoding is refused as well."""
    codec = request.headers.get("content-encoding", "")
    if codec not in ("", "gzip"):
        return (400, f'unsupported compression: {codec}. Only "gzip" or no compression supported')
    assert codec == "" or gzip.decompress(request.body) == b""
    return 200


def test_a_backend_that_is_well_is_proved_to_be(make_web, tmp_path):
    backend = make_web(gzip_only)
    status, proofs, says, printed = only(tmp_path, backend)
    assert status == 0 and proofs == "yes yes proto: yes gzip: yes ok" and says == ""
    assert "whether data is stored is not proved" in printed
    assert {request.headers.get("content-encoding") for request in backend.requests} == {
        None, "gzip"}
    assert only(tmp_path, backend, compression="none")[1] == "yes yes proto: yes none ok"


def test_a_400_to_what_is_empty_is_a_sign_of_life(make_web, tmp_path):
    status, proofs, says, _ = only(tmp_path, make_web(empty_400))
    assert status == 0 and proofs == "yes ? proto: ? gzip: ? alive"
    assert says.startswith("alive, says: ") and "no spans found in the request" in says


def test_a_codec_that_the_backend_lacks_is_found_out(make_web, tmp_path):
    status, proofs, says, _ = only(tmp_path, make_web(gzip_only), compression="zstd")
    assert status == 1 and proofs == "yes yes proto: yes zstd: no FAILED"
    assert says.startswith("refuses zstd, takes it uncompressed: ")
    assert 'Only "gzip" or no compression supported' in says


def test_an_encoding_that_the_backend_lacks_is_found_out(make_web, tmp_path):
    def protobuf_only(request):
        json = request.headers["content-type"] == "application/json"
        return (400, "json encoding isn't supported") if json else 200

    status, proofs, says, _ = only(tmp_path, make_web(protobuf_only), encoding="json")
    assert status == 1 and proofs == "yes yes json: no gzip: ? FAILED"
    assert says.startswith("takes proto, not json: ") and "json encoding isn't supported" in says


@pytest.mark.parametrize("answer, authenticated, words", (
    ((401, "no org id"), "no", "no org id"),
    ((403, '{"message": "wrong key"}', "application/json"), "no", "wrong key"),
    ((404, "404 page not found"), "?", "page not found"),
    ((400, 'unsupported path requested: "/v1/metrics"'), "?", "unsupported path requested"),
    ((503, "<html><body><h1>503</h1>starting</body></html>", "text/html"), "?", "503 starting"),
), ids=("401", "403", "404", "400 for the path", "503"))
def test_what_keeps_data_from_being_taken_is_a_failure(
        make_web, tmp_path, answer, authenticated, words):
    status, proofs, says, _ = only(tmp_path, make_web(lambda request: answer))
    assert status == 1 and proofs == f"yes {authenticated} proto: ? gzip: ? FAILED"
    assert words in says


def test_a_read_only_backend_is_not_said_to_store(make_web, tmp_path):
    def read_only(request):
        plain = request.body
        if request.headers.get("content-encoding") == "gzip":
            plain = gzip.decompress(plain)
        return (503, "the storage is in read-only mode") if plain else 200

    status, proofs, _, printed = only(tmp_path, make_web(read_only))
    assert status == 0 and proofs.endswith(" ok")
    assert "An empty export leaves nothing behind: whether data is stored is not proved" in printed


def test_levels_are_told_apart_and_secrets_are_not_told(make_web, make_backend, tmp_path):
    refusing = make_web(lambda request: (401, f"unknown key {request.headers['x-api-key']}"))
    well, gone = make_backend("well"), make_backend("gone")
    gone.kill()
    config = yaml.safe_load(failover(refusing, well, gone, signals=("logs",)))
    config["exporters"]["otlphttp/primary"]["headers"] = {"x-api-key": "t0p-secret-1"}
    status, rows, printed = probe(tmp_path, yaml.safe_dump(config))
    assert status == 1 and "t0p-secret" not in printed
    assert rows["otlphttp/primary"]["AUTHENTICATED"] == "no"
    assert "unknown key [REDACTED]" in rows["otlphttp/primary"]["SAYS"]
    assert rows["otlp/secondary"]["RESULT"] == "ok"
    assert rows["otlp/secondary"]["CODEC"] == "gzip: yes"
    assert rows["otlp/third"]["REACHABLE"] == "no" and rows["otlp/third"]["RESULT"] == "FAILED"
    assert "2 of 3 exporters did not answer" in printed
    assert well.received == [], "a probe carries no data"
