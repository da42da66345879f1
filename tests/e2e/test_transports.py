"""The transports of receiver and exporters: sockets, versions of HTTP, redirects, cookies, proxies,
and what is said where the two sides speak different protocols."""

import base64
import json
import socket
import subprocess
import threading
import time

import grpc
import pytest
import yaml
from frames import CALM, PING, Connection, frame
from google.rpc import error_details_pb2, status_pb2

from harness.configs import pass_through
from harness.items import PATHS, make_body
from harness.load import GrpcClient
from harness.loopback import loopback_address
from harness.wait import wait_until
from harness.web_backend import WebBackend

PROTOBUF = "application/x-protobuf"


def into(exporter_type, **settings):
    """receiver -> that exporter, traces only."""
    return yaml.safe_dump({
        "exporters": {exporter_type: settings},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"],
                                             "exporters": [exporter_type]}}}})


def with_receiver(text, **protocols):
    config = yaml.safe_load(text)
    config["receivers"] = {"otlp/more": {"protocols": protocols}}
    for pipeline in config["service"]["pipelines"].values():
        pipeline["receivers"].append("otlp/more")
    return yaml.safe_dump(config)


# Unix sockets.

@pytest.mark.parametrize("scheme", ("unix:", "unix://", "unix-abstract:"))
def test_grpc_goes_over_unix_sockets_in_and_out(
        make_backend, make_collector, tmp_path, scheme):
    backend = make_backend()
    path = f"@gapless-{tmp_path.name}" if scheme == "unix-abstract:" else str(tmp_path / "s")
    behind = with_receiver(pass_through(backend, signals=("traces",)),
                           grpc={"endpoint": path, "transport": "unix"})
    make_collector(behind)
    front = make_collector(into("otlp", endpoint=scheme + path.removeprefix("@"),
                                tls={"insecure": True}))
    with GrpcClient(front.grpc) as client:
        backend.wait_for_ids(client.send("traces", 3))
    if not path.startswith("@"):
        with GrpcClient(f"unix:{path}") as client:  # grpcio's own
            backend.wait_for_ids(client.send("traces", 3))


# One port, three versions of HTTP.

def curl(collector, body, *args, scheme="http"):
    """The status and the version of HTTP of the answer."""
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_version}", *args,
               "-H", f"content-type: {PROTOBUF}", "--data-binary", "@-",
               f"{scheme}://{collector.host}:4318{PATHS['traces']}"]
    return subprocess.run(command, input=body, capture_output=True, check=True,
                          timeout=30).stdout.decode()


@pytest.mark.parametrize("wish, version", (("--http1.1", "1.1"), ("--http2", "2"),
                                           ("--http2-prior-knowledge", "2"), ("--http1.0", "1")))
def test_curl_is_served_in_every_version_on_the_plain_port(
        make_backend, make_collector, wish, version):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    for count in (1, 5_000):
        body, ids = make_body("traces", count)
        status, spoken = curl(collector, body, wish).split()
        assert (status, spoken[: len(version)]) == ("200", version)
        backend.wait_for_ids(ids)


@pytest.mark.parametrize("wish, version", (("--http1.1", "1.1"), ("--http2", "2")))
def test_alpn_chooses_the_version_with_tls(
        make_backend, make_collector, authority, wish, version):
    backend = make_backend()
    host = loopback_address()
    certificate, key = authority.issue(host)
    text = f"receivers: {{otlp: {{protocols: {{http: {{tls: {{cert_file: {certificate}, " \
           f"key_file: {key}}}}}}}}}}}"
    collector = make_collector(pass_through(backend, signals=("traces",)), text, host=host)
    body, ids = make_body("traces", 3)
    spoken = curl(collector, body, wish, "--cacert", str(authority.ca), scheme="https")
    assert spoken == f"200 {version}"
    backend.wait_for_ids(ids)


@pytest.mark.parametrize("wish", ((), ("-u",)), ids=("prior knowledge", "upgrade"))
def test_nghttp_is_served_on_the_plain_port(make_backend, make_collector, tmp_path, wish):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    body, ids = make_body("traces", 2)
    data = tmp_path / "body"
    data.write_bytes(body)
    out = subprocess.run(["nghttp", "-v", *wish, "-d", str(data), "-H",
                          f"content-type: {PROTOBUF}", collector.http + PATHS["traces"]],
                         capture_output=True, text=True, check=True, timeout=30).stdout
    assert ":status: 200" in out
    assert ("101 Switching Protocols" in out) == bool(wish)
    backend.wait_for_ids(ids)


def test_a_grpc_client_of_the_http_port_is_told_the_grpc_port(make_backend, make_collector):
    collector = make_collector(pass_through(make_backend(), signals=("traces",)))
    with GrpcClient(f"{collector.host}:4318") as client:
        code, details, trailers = client.export("traces", make_body("traces")[0])
    assert code is grpc.StatusCode.UNAVAILABLE  # it keeps its data until the address is right
    assert details == f"OTLP over HTTP is spoken here; OTLP over gRPC is at {collector.grpc}."
    status = status_pb2.Status.FromString(dict(trailers)["grpc-status-details-bin"])
    assert status.details[0].Is(error_details_pb2.RetryInfo.DESCRIPTOR)
    assert collector.metric("otelcol_receiver_refused_connections", reason="wrong_port",
                            transport="http") >= 1


# Compression, in and out.

CODECS = ("gzip", "zlib", "deflate", "snappy", "x-snappy-framed", "zstd", "lz4", "none")


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_is_sent_and_taken_over_http(make_backend, make_collector, codec):
    backend = make_backend(keep_bodies=True)
    behind = make_collector(pass_through(backend, signals=("traces",), compression="none"))
    level = {"compression_params": {"level": 3}} if codec in ("gzip", "zlib", "zstd") else {}
    front = make_collector(into("otlphttp", endpoint=behind.http, compression=codec, **level))
    body, ids = make_body("traces", 300)
    with GrpcClient(front.grpc) as client:
        client.export("traces", body)
    backend.wait_for_ids(ids)
    assert [request.body for request in backend.received] == [body]


@pytest.mark.parametrize("codec", ("gzip", "zstd", "snappy", "none"))
def test_every_codec_is_sent_and_taken_over_grpc(make_backend, make_collector, codec):
    backend = make_backend(keep_bodies=True)
    behind = make_collector(pass_through(backend, signals=("traces",), compression="none"))
    front = make_collector(into("otlp", endpoint=behind.grpc, tls={"insecure": True},
                                compression=codec))
    body, ids = make_body("traces", 300)
    with GrpcClient(front.grpc) as client:
        client.export("traces", body)
    backend.wait_for_ids(ids)
    assert [request.body for request in backend.received] == [body]


# Keepalive.

def keepalive(**settings):
    return yaml.safe_dump({"receivers": {"otlp": {"protocols": {"grpc": {
        "keepalive": settings}}}}})


def test_connections_of_age_are_replaced_without_an_error(make_backend, make_collector):
    backend = make_backend()
    age = keepalive(server_parameters={"max_connection_age": "300ms",
                                       "max_connection_age_grace": "5s"})
    collector = make_collector(pass_through(backend, signals=("traces",)), age)
    ids = []
    with GrpcClient(collector.grpc, transparent=True) as client:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            ids += client.send("traces")
    backend.wait_for_ids(ids)


def test_an_idle_connection_is_told_to_go(make_backend, make_collector):
    idle = keepalive(server_parameters={"max_connection_idle": "300ms"})
    collector = make_collector(pass_through(make_backend(), signals=("traces",)), idle)
    connection = Connection(collector.grpc)
    until = time.monotonic() + 10
    while connection.goaway is None and time.monotonic() < until:
        connection.read(0.05)
    assert connection.goaway == 0  # NO_ERROR
    connection.close()


@pytest.mark.parametrize("allowed", (True, False))
def test_pings_are_held_to_the_policy(make_backend, make_collector, allowed):
    policy = {"min_time": "1ns", "permit_without_stream": True} if allowed else {}
    collector = make_collector(pass_through(make_backend(), signals=("traces",)),
                               keepalive(enforcement_policy=policy))
    connection = Connection(collector.grpc)
    for _ in range(5):
        connection.send(frame(PING, 0, 0, bytes(8)))
        connection.read(0.05)
    connection.read(0.2)
    assert connection.goaway == (None if allowed else CALM)
    connection.close()


# Redirects and cookies.

@pytest.mark.parametrize("status", (307, 308))
def test_a_redirect_within_the_server_is_followed(make_collector, status):
    def answer(request):
        if request.path == "/new/v1/traces?a=1":
            return 200
        return status, "", "text/plain", {"Location": "/new" + request.path + "?a=1"}

    backend = WebBackend(answer)
    collector = make_collector(into("otlphttp", endpoint=f"http://{backend.endpoint}"))
    body, _ = make_body("traces", 2)
    with GrpcClient(collector.grpc) as client:
        client.export("traces", body)
    wait_until(lambda: any(r.path.startswith("/new") and r.body for r in backend.requests), 10,
               "the redirected request")
    taken = [r for r in backend.requests if r.path.startswith("/new") and r.body]
    first = [r for r in backend.requests if not r.path.startswith("/new") and r.body]
    assert taken[0].body == first[0].body
    assert taken[0].headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("status, location", ((308, "http://elsewhere.example/x"),
                                              (302, "/other"), (307, None)))
def test_a_redirect_that_is_not_followed_is_named(make_collector, status, location):
    headers = {"Location": location} if location else {}
    backend = WebBackend(lambda request: (status, "", "text/plain", headers))
    collector = make_collector(into("otlphttp", endpoint=f"http://{backend.endpoint}"))
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    wait_until(lambda: f"HTTP Status Code {status}" in collector.log, 10, "the error")
    words = f"which leads to {location} and is not followed"
    assert (words in collector.log) == bool(location)


def test_a_redirect_in_circles_ends(make_collector):
    backend = WebBackend(lambda request: (307, "", "text/plain", {"Location": request.path}))
    collector = make_collector(into("otlphttp", endpoint=f"http://{backend.endpoint}",
                                    retry_on_failure={"initial_interval": "60s",
                                                      "max_interval": "60s"}))
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    wait_until(lambda: "HTTP Status Code 307" in collector.log, 10, "the error")
    assert len([r for r in backend.requests if r.body and len(r.body) > 2]) == 11


def test_cookies_are_kept_if_they_are_wanted(make_collector):
    def answer(request):
        return 200, "", "text/plain", {"Set-Cookie": f"node={len(backend.requests)}; Path=/"}

    backend = WebBackend(answer)
    url = f"http://{backend.endpoint}"
    config = yaml.safe_load(into("otlphttp", endpoint=url, cookies={}))
    config["exporters"]["otlphttp/plain"] = {"endpoint": url}
    config["service"]["pipelines"]["traces"]["exporters"].append("otlphttp/plain")
    collector = make_collector(yaml.safe_dump(config))
    with GrpcClient(collector.grpc) as client:
        for count in range(3):
            client.send("traces")
            wait_until(lambda: len(backend.requests) >= 2 * count + 2, 10, "both requests")
    cookies = [request.headers.get("cookie") for request in backend.requests]
    assert len([cookie for cookie in cookies if cookie and cookie.startswith("node=")]) >= 2
    assert cookies.count(None) >= 3


# A proxy that wants a name and a password.

class TunnelProxy:
    """Opens tunnels for who knows the password; the others hear 407."""

    def __init__(self, user, password):
        self._wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._listener = socket.create_server((loopback_address(), 0))
        self.heads = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self):
        return "{}:{}".format(*self._listener.getsockname())

    def _serve(self):
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._tunnel, args=(connection,), daemon=True).start()

    def _tunnel(self, client):
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        self.heads.append(head.decode())
        target = head.split()[1].decode()
        if f"proxy-authorization: {self._wanted}".encode() not in head:
            client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            client.close()
            return
        host, port = target.rsplit(":", 1)
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            pass
        finally:
            sink.close()


def test_a_proxy_with_a_password_opens_the_tunnel(make_backend, make_collector, authority):
    proxy = TunnelProxy("joe", "s3cret@x")
    backend = make_backend()
    host = loopback_address()
    certificate, key = authority.issue(host)
    receiver = f"receivers: {{otlp: {{protocols: {{http: {{tls: {{cert_file: {certificate}, " \
               f"key_file: {key}}}}}}}}}}}"
    make_collector(pass_through(backend, signals=("traces",)), receiver, host=host)
    front = make_collector(into("otlphttp", endpoint=f"https://{host}:4318",
                                tls={"ca_file": str(authority.ca)},
                                proxy_url=f"http://joe:s3cret%40x@{proxy.address}"))
    with GrpcClient(front.grpc) as client:
        backend.wait_for_ids(client.send("traces", 2))
    assert proxy.heads and proxy.heads[0].startswith(f"CONNECT {host}:4318 ")
    assert "s3cret" not in front.log


def test_a_proxy_that_is_not_told_the_password_is_named(make_collector):
    proxy = TunnelProxy("joe", "s3cret")
    collector = make_collector(into("otlphttp", endpoint="https://backend.test:4318",
                                    proxy_url=f"http://{proxy.address}"))
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    wait_until(lambda: "the proxy answered CONNECT with status 407" in collector.log, 10,
               "the error")


# The wrong port.

def error_of(collector, words):
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    wait_until(lambda: words in collector.log, 10, lambda: f"{words!r} in the log")


def answering(octets):
    """The address of a server that answers every connection with these bytes."""
    listener = socket.create_server((loopback_address(), 0))

    def serve():
        while True:
            connection, _ = listener.accept()
            connection.recv(1024)
            connection.sendall(octets)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return "{}:{}".format(*listener.getsockname())


def test_an_exporter_at_the_wrong_port_says_what_is_probably_wrong(make_backend, make_collector):
    web = WebBackend(lambda request: 200)
    plain_grpc = make_backend()
    insecure = {"insecure": True}
    alert = answering(b"\x15\x03\x01\x00\x02\x02\x46")
    cases = (
        ("otlp", {"endpoint": web.endpoint, "tls": insecure},
         "this looks like an HTTP/1.1 server, which answered"),
        ("otlp", {"endpoint": web.endpoint, "tls": insecure}, "use otlp_http for it"),
        ("otlphttp", {"endpoint": f"http://{plain_grpc.endpoint}"},
         "this looks like an HTTP/2 server, such as one of gRPC: use otlp_grpc for it"),
        ("otlp", {"endpoint": plain_grpc.endpoint},
         "this looks like a server without TLS: set \\\"insecure: true\\\" in its tls section"),
        ("otlphttp", {"endpoint": f"https://{web.endpoint}"},
         "this looks like a server without TLS: begin its endpoint with http://"),
        ("otlphttp", {"endpoint": f"http://{alert}"},
         "this looks like a server with TLS: begin its endpoint with https:"),
        ("otlp", {"endpoint": alert, "tls": insecure},
         "this looks like a server with TLS: leave out"),
    )
    for kind, settings, words in cases:
        error_of(make_collector(into(kind, **settings)), words)


def test_a_go_server_with_tls_is_named_to_a_plain_grpc_exporter(make_collector):
    """As Go's net/http answers."""
    endpoint = answering(b"HTTP/1.0 400 Bad Request\r\n\r\n"
                         b"Client sent an HTTP request to an HTTPS server.\n")
    error_of(make_collector(into("otlp", endpoint=endpoint, tls={"insecure": True})),
             "this looks like a server with TLS: leave out")


def test_a_grpc_server_with_tls_that_says_nothing_is_named_as_possible(
        make_backend, make_collector, authority):
    host = loopback_address()
    backend = make_backend(host=host, tls=authority.server(host))  # grpcio hangs up
    error_of(make_collector(into("otlp", endpoint=backend.endpoint, tls={"insecure": True})),
             "before it said anything: if it wants TLS, leave out")


def test_json_is_taken_and_sent(make_collector):
    """encoding: json, and JSON in: the same items."""
    backend = WebBackend(lambda request: (200, "{}", "application/json"))
    collector = make_collector(into("otlphttp", endpoint=f"http://{backend.endpoint}",
                                    encoding="json", compression="none"))
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "0102030405060708090a0b0c0d0e0f10", "spanId": "0102030405060708",
         "name": "json", "kind": 2, "startTimeUnixNano": "1", "endTimeUnixNano": "2"}]}]}]})
    answer = curl_json(collector, text)
    assert answer == '200 {"partialSuccess":{}}'
    wait_until(lambda: any(b"json" in r.body for r in backend.requests), 10, "the request")
    sent = json.loads(next(r.body for r in backend.requests if b'"json"' in r.body))
    assert sent["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] == "json"


def curl_json(collector, text):
    command = ["curl", "-sS", "-w", "\n%{http_code}", "-H", "content-type: application/json",
               "--data-binary", "@-", collector.http + PATHS["traces"]]
    out = subprocess.run(command, input=text, capture_output=True, text=True, check=True,
                         timeout=30).stdout
    body, _, status = out.rpartition("\n")
    return f"{status} {body}"
