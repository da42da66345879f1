"""A client that speaks the wrong protocol at a port hears it at once, and hears what is wrong."""

import pytest
from runs import Arrived
from tap import Tap

from harness.configs import pass_through

ONE = {"count": 1, "signals": ("traces",)}
AT_ONCE_SECONDS = 1.0
# Their SDKs say no more than that the connection failed.
SILENT = ("Java, gRPC (grpc-java)", "Rust, HTTP (reqwest)")
# What each TLS library says of an answer that is no TLS.
NO_TLS = ("HTTP response to HTTPS client", "wrong version number", "first record does not look",
          "Unsupported or unrecognized SSL message", "Unrecognized SSL message",
          "InvalidContentType", "not an SSL/TLS record",
          "corrupt message", "EPROTO", "packet length too long")


@pytest.fixture
def tapped(make_backend, make_front):
    """(tap in front of a port, backend): the connections to it are watched."""
    taps = []

    def make(port):
        backend = make_backend(keep_bodies=True)
        collector = make_front("gapless", pass_through(backend))
        taps.append(Tap(f"{collector.host}:{port}"))
        return taps[-1], backend

    yield make
    for tap in taps:
        tap.close()


def answered_at_once(tap):
    spoken = [one for one in tap.connections if one.asked]
    assert spoken, "the client never spoke"
    slow = [one.seconds for one in spoken
            if one.seconds is None or one.seconds > AT_ONCE_SECONDS]
    assert not slow, f"answered and closed after {slow} s"
    return spoken


def test_a_client_with_tls_at_a_port_without(tapped, authority, start, client):
    tap, backend = tapped(4317 if client.grpc else 4318)
    report = start(client, tap.endpoint, ca=authority.ca, **ONE).report()
    assert len(report.failed) == 1 and not Arrived(backend).counts()
    answered_at_once(tap)
    if client.name not in SILENT:
        assert any(words in report.words for words in NO_TLS), report.words


def test_a_client_of_the_other_protocol(tapped, start, client):
    """HTTP at 4317, gRPC at 4318."""
    other = 4318 if client.grpc else 4317
    tap, backend = tapped(other)
    report = start(client, tap.endpoint, **ONE).report()
    assert len(report.failed) == 1 and not Arrived(backend).counts()
    if client.grpc:
        # The HTTP port speaks HTTP/2 as well: the answer is a status, and the connection stays.
        assert client.name in SILENT or "OTLP over gRPC is at" in report.words, report.words
        return
    spoken = answered_at_once(tap)
    assert all(b"400" in one.answer and b"4318" in one.answer for one in spoken), spoken
    assert "400" in report.words
