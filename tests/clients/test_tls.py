"""TLS and mutual TLS with the clients' own libraries."""

import pytest
import yaml
from runs import Arrived, judge

from harness.configs import pass_through
from harness.loopback import loopback_address

LOAD = {"count": 100, "compression": "gzip"}


@pytest.fixture
def tls_front(make_backend, make_front, authority):
    """(collector, backend); clients: only certificates of the authority are let in."""

    def make(clients):
        host = loopback_address()
        certificate, key = authority.issue(host)
        tls = {"cert_file": str(certificate), "key_file": str(key)}
        if clients:
            tls["client_ca_file"] = str(authority.ca)
        backend = make_backend(keep_bodies=True)
        protocols = {"grpc": {"tls": tls}, "http": {"tls": tls}}
        receiver = yaml.safe_dump({"receivers": {"otlp": {"protocols": protocols}}})
        return make_front("gapless", pass_through(backend), receiver, host=host), backend

    return make


def test_everything_arrives_over_tls(tls_front, authority, start, client):
    collector, backend = tls_front(clients=False)
    verdict = judge(start(client, collector, ca=authority.ca, **LOAD), Arrived(backend))
    assert verdict.flawless, verdict.report.words


def test_everything_arrives_over_mutual_tls(tls_front, authority, start, client):
    collector, backend = tls_front(clients=True)
    certificate, key = authority.issue("client.example.com")
    verdict = judge(start(client, collector, ca=authority.ca, cert=certificate, key=key, **LOAD),
                    Arrived(backend))
    assert verdict.flawless, verdict.report.words
