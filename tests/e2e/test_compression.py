"""Compression on the way out: gzip unless the config says otherwise, and never a changed byte."""

import pytest

from harness.configs import pass_through
from harness.items import make_body
from harness.relay import Relay

GZIP_MAGIC = b"\x1f\x8b\x08"


@pytest.mark.parametrize("setting, compressed", ((None, True), ("gzip", True), ("none", False)))
def test_grpc_is_compressed_as_configured(
        make_backend, make_collector, client_of, setting, compressed):
    backend = make_backend(keep_bodies=True)
    relay = Relay(backend.endpoint)
    settings = {"compression": setting} if setting else {}
    collector = make_collector(pass_through(relay, signals=("traces",), **settings))
    body, ids = make_body("traces", 200)
    client_of(collector).export("traces", body)
    backend.wait_for_ids(ids)
    same = [request.body for request in backend.received] == [body]
    assert same, "bytes were changed on the way"
    assert (GZIP_MAGIC in relay.forwarded) == compressed
    assert (len(relay.forwarded) < len(body) / 2) == compressed
    relay.close()


@pytest.mark.parametrize("setting, encoding",
                         ((None, "gzip"), ("gzip", "gzip"), ("none", "identity")))
def test_http_is_compressed_as_configured(
        make_backend, make_collector, client_of, setting, encoding):
    backend = make_backend(protocol="http", keep_bodies=True)
    settings = {"compression": setting} if setting else {}
    collector = make_collector(pass_through(backend, **settings))
    body, ids = make_body("logs", 200)
    client_of(collector).export("logs", body)
    backend.wait_for_ids(ids)
    same = [request.body for request in backend.received] == [body]
    assert same, "bytes were changed on the way"
    assert backend.counters()["encodings"] <= {encoding, "identity"}
    assert encoding in backend.counters()["encodings"]
