"""Bytes out = bytes in, for the three signals, both protocols, and the real SDK."""

import gzip

import grpc
import pytest

from harness import sdk
from harness.configs import pass_through
from harness.items import SIGNALS, make_body, top_level_entries
from harness.load import HttpClient
from harness.wait import wait_until

PROTOCOLS = ("grpc", "http")


def bodies(backend):
    return [request.body for request in backend.received]


def unchanged(backend, *sent):
    """The backend got exactly these bodies, in this order."""
    same = bodies(backend) == list(sent)
    assert same, "bytes were changed on the way"


@pytest.mark.smoke
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("out", PROTOCOLS)
def test_a_grpc_request_leaves_byte_for_byte_as_it_came(
        make_backend, make_collector, client_of, signal, out):
    backend = make_backend(protocol=out, keep_bodies=True)
    collector = make_collector(pass_through(backend))
    body, ids = make_body(signal, 25)
    assert client_of(collector).export(signal, body)[0] is grpc.StatusCode.OK
    backend.wait_for_ids(ids)
    unchanged(backend, body)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("compress", (False, True), ids=("plain", "gzip"))
def test_an_http_request_leaves_byte_for_byte_as_it_came(
        make_backend, make_collector, signal, compress):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    body, ids = make_body(signal, 25)
    answer = HttpClient(collector.http).export(signal, body, compress=compress)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/x-protobuf")
    backend.wait_for_ids(ids)
    unchanged(backend, body)


def test_a_gzip_request_over_grpc_is_understood(make_backend, make_collector, client_of):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    body, ids = make_body("logs", 500)
    code, _, _ = client_of(collector).export("logs", body, compression=grpc.Compression.Gzip)
    assert code is grpc.StatusCode.OK
    backend.wait_for_ids(ids)
    unchanged(backend, body)


def test_fields_of_a_newer_otlp_version_survive(make_backend, make_collector, client_of):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    body, ids = make_body("traces", 3)
    # Field 900 of the request itself, length-delimited: nothing that exists today.
    body += bytes([0xA2, 0x38, 3]) + b"new"
    assert client_of(collector).export("traces", body)[0] is grpc.StatusCode.OK
    backend.wait_for_ids(ids)
    unchanged(backend, body)


def test_batching_changes_no_byte_of_what_it_merges(make_backend, make_collector, client_of):
    backend = make_backend(keep_bodies=True)
    text = pass_through(backend, processors=["batch"])
    collector = make_collector(text, "processors: {batch: {timeout: 300ms}}\n")
    client = client_of(collector)
    sent, wanted = [], []
    for _ in range(20):
        body, ids = make_body("traces", 5)
        assert client.export("traces", body)[0] is grpc.StatusCode.OK
        sent += top_level_entries(body)
        wanted += ids
    backend.wait_for_ids(wanted)
    arrived = [entry for body in bodies(backend) for entry in top_level_entries(body)]
    same = sorted(arrived) == sorted(sent)
    assert same, "bytes were changed on the way"
    assert len(bodies(backend)) < 20, "nothing was merged"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_everything_that_the_python_sdk_sends_arrives(make_backend, make_collector, protocol):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    endpoint = collector.grpc if protocol == "grpc" else collector.http
    sent = sdk.send_all_signals(endpoint, protocol, count=50)
    names = wait_until(lambda: sdk.names_at(backend, sent), 10,
                       lambda: f"{sent - sdk.all_names(backend)} of the SDK")
    assert names == sent


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_request_without_items_is_answered_and_not_forwarded(
        make_backend, make_collector, client_of, protocol):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    if protocol == "grpc":
        assert client_of(collector).export("traces", b"")[0] is grpc.StatusCode.OK
    else:
        assert HttpClient(collector.http).export("traces", b"").status_code == 200
    ids = client_of(collector).send("traces")
    backend.wait_for_ids(ids)
    assert len(backend.received) == 1


@pytest.mark.parametrize("body", (b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x7f", b"\xff" * 40, b"\x08"),
                         ids=("huge length", "torn", "endless varint", "torn tag"))
def test_a_malformed_request_is_refused_and_harms_nobody(
        make_backend, make_collector, client_of, body):
    backend = make_backend()
    collector = make_collector(pass_through(backend))
    client = client_of(collector)
    code, _, _ = client.export("traces", body)
    # Not retryable: an SDK must not send it again.
    assert code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT)
    assert HttpClient(collector.http).export("traces", body).status_code == 400
    backend.wait_for_ids(client.send("traces"))


@pytest.mark.parametrize("encoding, body", (("gzip", b"not gzip"), ("br", b"x")))
def test_http_refuses_an_encoding_that_it_cannot_read(
        make_backend, make_collector, encoding, body):
    collector = make_collector(pass_through(make_backend()))
    headers = {"Content-Encoding": encoding}
    assert HttpClient(collector.http).export("traces", body, **headers).status_code == 400


def test_a_decompression_bomb_is_refused(make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend))
    http = HttpClient(collector.http)
    bomb = gzip.compress(bytes(200 << 20))
    answer = http.export("traces", bomb, timeout=30, **{"Content-Encoding": "gzip"})
    assert answer.status_code in (400, 413)
    backend.wait_for_ids(client_of(collector).send("traces"))


def test_http_answers_wrong_methods_types_and_paths_as_the_protocol_says(
        make_backend, make_collector):
    import requests
    url = make_collector(pass_through(make_backend(), signals=("traces",))).http
    protobuf = {"Content-Type": "application/x-protobuf"}
    assert requests.get(f"{url}/v1/traces", timeout=5).status_code == 405
    assert requests.post(f"{url}/nowhere", b"", headers=protobuf, timeout=5).status_code == 404
    wrong = requests.post(f"{url}/v1/traces", b"x", headers={"Content-Type": "text/css"}, timeout=5)
    assert wrong.status_code == 415


def test_a_signal_without_a_pipeline_is_unimplemented(make_backend, make_collector, client_of):
    collector = make_collector(pass_through(make_backend(), signals=("traces",)))
    body, _ = make_body("logs")
    assert client_of(collector).export("logs", body)[0] is grpc.StatusCode.UNIMPLEMENTED
    assert HttpClient(collector.http).export("logs", body).status_code == 404
