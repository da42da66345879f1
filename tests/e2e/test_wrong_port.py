"""Clients at the wrong port, or with the wrong protocol: answered at once, in words that help."""

import ssl
import time

import grpc
import pytest

from harness.collector import SLOWNESS
from harness.configs import pass_through
from harness.items import make_body
from harness.load import GrpcClient
from harness.raw import ask, dial, http_post, read_all

SOON = 2 * SLOWNESS
TLS_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@pytest.fixture
def collector(make_backend, make_collector):
    return make_collector(pass_through(make_backend(), signals=("traces",)))


def answer_soon(endpoint, request):
    began = time.monotonic()
    answer = ask(endpoint, request)
    assert time.monotonic() - began < SOON
    return answer.decode()


@pytest.mark.parametrize("port", (4317, 4318))
def test_a_tls_client_of_a_plain_port_is_answered_with_400_at_once(collector, port):
    endpoint = f"{collector.host}:{port}"
    answer = answer_soon(endpoint, TLS_HELLO)
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert "TLS" in answer
    context = ssl.create_default_context()
    began = time.monotonic()
    with pytest.raises(ssl.SSLError):
        context.wrap_socket(dial(endpoint), server_hostname="test")
    assert time.monotonic() - began < SOON


def test_http_1_at_the_grpc_port_is_told_the_http_port(collector):
    answer = answer_soon(collector.grpc, http_post("/v1/traces", make_body("traces")[0]))
    assert answer.startswith("HTTP/1.1 400 Bad Request\r\n")
    assert f"OTLP over HTTP is at {collector.host}:4318" in answer


def test_grpc_at_the_http_port_is_told_the_grpc_port(collector):
    began = time.monotonic()
    with GrpcClient(f"{collector.host}:4318") as client:
        code, details, _ = client.export("traces", make_body("traces")[0], timeout=10)
    assert code is grpc.StatusCode.UNAVAILABLE
    assert f"OTLP over gRPC is at {collector.grpc}" in details
    assert time.monotonic() - began < SOON


@pytest.mark.parametrize("rubbish", (b"\x00\x00\x00\x04", b"hello\r\n", b"{\"resourceSpans\":[",
                                     b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nno field\r\n"))
def test_what_can_never_become_a_request_is_answered_at_once(collector, rubbish):
    assert answer_soon(f"{collector.host}:4318", rubbish).startswith("HTTP/1.1 400 ")


def test_a_request_line_that_never_ends_is_refused(collector):
    with dial(f"{collector.host}:4318") as connection:
        connection.sendall(b"POST /")
        sent = 0
        try:
            while sent < 1 << 20:
                sent += connection.send(b"a" * 1024)
        except OSError:
            pass
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("protocol", ("grpc", "http"))
def test_a_plain_client_of_a_tls_port_is_answered_at_once(
        make_backend, make_collector, authority, protocol):
    port = {"grpc": 4317, "http": 4318}[protocol]
    certificate, key = authority.issue("localhost", "127.0.0.1")
    text = f"""
receivers:
  otlp:
    protocols:
      {protocol}: {{tls: {{cert_file: {certificate}, key_file: {key}}}}}
"""
    collector = make_collector(pass_through(make_backend(), signals=("traces",)), text)
    answer = answer_soon(f"{collector.host}:{port}",
                         http_post("/v1/traces", make_body("traces")[0]))
    assert answer == ("HTTP/1.0 400 Bad Request\r\n\r\n"
                      "Client sent an HTTP request to an HTTPS server.\n")
    assert answer_soon(f"{collector.host}:{port}", PREFACE) == answer
