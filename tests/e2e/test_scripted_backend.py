"""The scripted backends say what the real ones said: each row of the table of answers, asked
directly, without gapless. The other tests rely on them."""

import gzip
import json
import threading

import pytest
import requests

from harness.items import PATHS, make_body, make_request, new_ids
from harness.load import GrpcClient
from harness.real_answers import PROFILES, text
from harness.wait import wait_until

PROTOBUF = "application/x-protobuf"
RUBBISH = b"\xff\xff rubbish"
TENANTS = {"cortex": {"X-Scope-OrgID": "tests"}, "mlflow": {"X-MLflow-Experiment-Id": "0"}}


def ask(backend, body, kind=PROTOBUF, path=None, tenant=True, **headers):
    """The answer to a POST, with the tenant's header where the backend wants one."""
    signal = backend.profile.signals[0]
    fields = {"Content-Type": kind, **headers, **(TENANTS.get(backend.name, {}) if tenant else {})}
    return requests.post(f"http://{backend.address}{path or backend.profile.base + PATHS[signal]}",
                         data=body, headers=fields, timeout=10)


def data_for(backend, count=2, instance="one"):
    return make_body(backend.profile.signals[0], count, instance=instance)


def said(answer):
    return answer.status_code, answer.headers.get("Content-Type", "none").split(";")[0]


# name: (status, type) of: an empty export, rubbish, JSON, an unknown path
TABLE = {
    "prometheus": ((200, "none"), (400, "text/plain"), (200, "none"), (404, "text/plain")),
    "victoria_metrics": ((200, "none"), (400, "text/plain"), (400, "text/plain"),
                         (400, "text/plain")),
    "victoria_logs": ((200, "none"), (400, "text/plain"), (400, "text/plain"),
                      (400, "text/plain")),
    "cortex": ((200, "none"), (400, "text/plain"), (200, "none"), (404, "text/plain")),
    "jaeger": ((200, PROTOBUF), (400, PROTOBUF), (200, "application/json"), (404, "text/plain")),
    "phoenix": ((200, "none"), (422, "text/plain"), (415, "text/plain"),
                (405, "application/json")),
    "mlflow": ((400, "application/json"), (400, "application/json"), (200, "none"),
               (405, "application/json")),
}


@pytest.mark.parametrize("name", PROFILES)
def test_empty_rubbish_json_and_unknown_path_are_answered_as_heard(make_scripted, name):
    backend = make_scripted(name)
    empty = "{}" if backend.profile.reads_json else '{"resourceLogs":[]}'
    answers = (ask(backend, b""), ask(backend, RUBBISH), ask(backend, json_body(backend) or empty,
                                                            kind="application/json"),
               ask(backend, b"", path="/no/such/path"))
    assert tuple(map(said, answers)) == TABLE[name]


def json_body(backend):
    """One item as OTLP/JSON, for those who read it."""
    number = new_ids(1)[0]
    if backend.profile.signals[0] == "metrics":
        point = {"timeUnixNano": str(number), "asInt": "1"}
        return json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [
            {"name": "m", "gauge": {"dataPoints": [point]}}]}]}]})
    span = {"spanId": f"{number:016x}", "traceId": "0" * 31 + "1", "name": "operation"}
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


@pytest.mark.parametrize("name", PROFILES)
def test_data_is_stored_with_and_without_gzip(make_scripted, name):
    backend = make_scripted(name)
    body, ids = data_for(backend)
    zipped, more = data_for(backend, instance="two")
    assert ask(backend, body).status_code == 200
    assert ask(backend, gzip.compress(zipped), **{"Content-Encoding": "gzip"}).status_code == 200
    backend.wait_for_ids([*ids, *more])
    assert backend.unstored() == set() and backend.refused() == []


@pytest.mark.parametrize("name, codec, status, words", (
    ("prometheus", "zstd", 400, "unsupported compression: zstd. Only"),
    ("cortex", "snappy", 400, "unsupported compression: snappy. Only gzip"),
    ("victoria_metrics", "lz4", 400, "lz4"),
    ("victoria_logs", "zlib", 400, "zlib"),
    ("mlflow", "zstd", 400, "Unsupported Content-Encoding: zstd"),
    ("phoenix", "zstd", 415, "Unsupported content encoding: zstd"),
))
def test_an_unknown_codec_is_refused_even_with_an_empty_body(
        make_scripted, name, codec, status, words):
    answer = ask(make_scripted(name), b"", **{"Content-Encoding": codec})
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.parametrize("name, status, words", (
    ("cortex", 401, "no org id"), ("mlflow", 422, "x-mlflow-experiment-id")))
def test_a_missing_tenant_is_refused(make_scripted, name, status, words):
    answer = ask(make_scripted(name), b"", tenant=False)
    assert answer.status_code == status
    assert words in answer.text


@pytest.mark.parametrize("name, to_data, to_empty, stored", (
    ("prometheus", 200, 200, False), ("victoria_metrics", 503, 200, False),
    ("victoria_logs", 429, 429, False), ("phoenix", 507, 200, False),
))
def test_a_full_disk_is_answered_as_heard(make_scripted, name, to_data, to_empty, stored):
    backend = make_scripted(name, read_only=True)
    body, ids = data_for(backend)
    answer = ask(backend, body)
    assert answer.status_code == to_data
    assert "Retry-After" not in answer.headers
    assert ask(backend, b"").status_code == to_empty
    assert (set(ids) <= backend.ids().keys()) == stored
    backend.behave()
    body, ids = data_for(backend)
    assert ask(backend, body).status_code == 200
    backend.wait_for_ids(ids)


def test_a_burst_beyond_the_limit_is_refused_whole_and_takes_no_tokens(make_scripted):
    backend = make_scripted("cortex", rate=20.0, burst=40.0)
    answer = ask(backend, data_for(backend, 50)[0])
    assert answer.status_code == 429 and "Retry-After" not in answer.headers
    assert answer.text.startswith("ingestion rate limit (20) exceeded while adding 50 samples")
    assert ask(backend, data_for(backend, 40, "two")[0]).status_code == 200
    assert ask(backend, data_for(backend, 20, "three")[0]).status_code == 429
    wait_until(lambda: ask(backend, data_for(backend, 20, "four")[0]).status_code == 200, 5,
               "tokens for 20 items")


def test_a_limit_that_waits_answers_later(make_scripted):
    backend = make_scripted("victoria_metrics", rate=40.0, burst=10.0, waits=True)
    for instance in ("one", "two"):
        assert ask(backend, data_for(backend, 10, instance)[0]).status_code == 200
    first, second = backend.answers
    assert first.at - first.begun < 0.1 < second.at - second.begun


def samples_of(ids):
    return make_request("metrics", ids, instance="one").SerializeToString()


def test_prometheus_refuses_the_whole_request_for_one_sample_out_of_order(make_scripted):
    backend = make_scripted("prometheus")
    old, first = new_ids(2), new_ids(2)
    assert ask(backend, samples_of(first)).status_code == 200
    assert ask(backend, samples_of(first)).status_code == 200, "the same samples twice"
    mixed = ask(backend, samples_of([old[0], new_ids(1)[0]]))
    assert (mixed.status_code, mixed.text.strip()) == (400, "out of order sample")
    assert set(backend.ids()) == set(first)
    other = make_request("metrics", first, instance="one")
    for point in other.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points:
        point.as_int = 1
    assert "duplicate sample for timestamp" in ask(backend, other.SerializeToString()).text


def test_prometheus_knows_its_series_after_a_restart(make_scripted):
    backend = make_scripted("prometheus")
    old, first = new_ids(2), new_ids(2)
    assert ask(backend, samples_of(first)).status_code == 200
    backend.kill()
    backend.start()
    assert ask(backend, samples_of(old)).status_code == 400


def test_cortex_keeps_the_good_samples_of_a_request_that_it_refuses(make_scripted):
    backend = make_scripted("cortex")
    old, first = new_ids(2), new_ids(2)
    assert ask(backend, samples_of(first)).status_code == 200
    new = new_ids(1)[0]
    answer = ask(backend, samples_of([old[0], new]))
    assert (answer.status_code, "out of order sample" in answer.text) == (400, True)
    assert set(backend.ids()) == {*first, new}


def test_cortex_refuses_series_beyond_the_limit(make_scripted):
    backend = make_scripted("cortex", series_max=3)
    body, ids = data_for(backend, 5)
    answer = ask(backend, body)
    assert answer.status_code == 400
    assert "per-user series limit of 3 exceeded" in answer.text
    assert set(backend.ids()) == set(ids[:3])


def test_of_two_requests_at_once_prometheus_drops_the_older_without_a_word(make_scripted):
    backend = make_scripted("prometheus", delays=(0.02, 0.4))
    old, new = new_ids(2), new_ids(2)
    # The first waits between its check and its commit while the second passes.
    slow = threading.Thread(target=ask, args=(backend, samples_of(old)))
    slow.start()
    wait_until(lambda: backend.counters()["checked"] == 1, 5, "the first request")
    assert ask(backend, samples_of(new)).status_code == 200
    slow.join()
    assert [answer.status for answer in backend.answers] == [200, 200]
    assert backend.unstored() == set(old) and len(backend.overlaps()) == 1


@pytest.mark.parametrize("name, lost", (("victoria_logs", True), ("jaeger", True),
                                        ("prometheus", False)))
def test_a_killed_backend_has_lost_what_it_acknowledged_last(make_scripted, name, lost):
    backend = make_scripted(name)
    body, ids = data_for(backend)
    assert ask(backend, body).status_code == 200
    backend.kill()
    backend.start()
    assert backend.forgotten == (set(ids) if lost else set())
    body, later = data_for(backend, instance="later")
    assert ask(backend, body).status_code == 200
    assert set(later) <= backend.ids().keys()


def test_rubbish_is_explained_by_jaeger_in_a_protobuf_status(make_scripted):
    backend = make_scripted("jaeger")
    ask(backend, RUBBISH)
    assert "ExportTraceServiceRequest" in backend.answers[-1].words


def test_over_grpc_the_words_come_as_the_message_of_the_status(make_scripted):
    backend = make_scripted("jaeger", protocol="grpc")
    with GrpcClient(backend.endpoint) as client:
        backend.wait_for_ids(client.send("traces", 3))
        backend.behave(refuse_data=text(429, "too much of it"))
        code, details, trailers = client.export("traces", make_body("traces")[0])
        assert (code.name, details) == ("RESOURCE_EXHAUSTED", "too much of it")
        assert not any(name == "grpc-status-details-bin" for name, _ in trailers)
        code, _, _ = client.export("metrics", make_body("metrics")[0])
        assert code.name == "UNIMPLEMENTED"
        backend.close()
        assert client.export("traces", b"")[0].name == "UNAVAILABLE"
        backend.open()
        wait_until(lambda: client.export("traces", b"")[0].name == "OK", 10, "the return")
