"""The process of a Backend: a gRPC or HTTP server for OTLP that does what it is told.

Runs apart from the test, so that it can be stopped, killed and black-holed like a real one. It
takes commands on a pipe and writes what it received to a file before it answers OK.
"""

import contextlib
import gzip
import socket
import threading
import time
import zlib
from array import array
from concurrent import futures
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from harness.items import METHODS, PATHS, read_ids
from harness.records import RecordWriter

HTTP_STATUS = {
    "UNAVAILABLE": 503,
    "INTERNAL": 500,
    "RESOURCE_EXHAUSTED": 429,
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "UNIMPLEMENTED": 404,
}


@dataclass(frozen=True)
class Behaviour:
    """How requests are answered. code "OK" takes them; poison: only these identities get `code`."""

    code: str = "OK"
    delay: float = 0.0
    retry_after: float = 0.0
    poison: frozenset = frozenset()

    def refuses(self, ids):
        if self.code == "OK":
            return False
        return not self.poison or any(number in self.poison for number in ids)


@dataclass(frozen=True)
class Setup:
    """What a backend is for its life. tls: (certificate, key, client CA or None) as PEM bytes."""

    host: str
    port: int
    protocol: str
    records: str
    tls: tuple | None = None
    keep_bodies: bool = False
    max_bytes: int = 64 << 20  # larger gRPC messages are refused, by the library


class Core:
    """Shared by both servers: behaviour, counters, the record file."""

    def __init__(self, setup):
        self.setup = setup
        self.behaviour = Behaviour()
        self.attempts = 0
        self.encodings = set()
        self._lock = threading.Lock()
        self._writer = RecordWriter(setup.records)

    def take(self, signal, body, encoding="hidden by grpcio"):
        """None when the request is taken, else the behaviour that refuses it."""
        behaviour = self.behaviour
        with self._lock:
            self.attempts += 1
            self.encodings.add(encoding)
        ids = read_ids(signal, body) if body else array("Q")
        if behaviour.delay:
            time.sleep(behaviour.delay)
        # An empty export is a probe: it proves that the server would answer, and leaves no record.
        if behaviour.refuses(ids):
            return behaviour
        if ids:
            kept = body if self.setup.keep_bodies else b""
            self._writer.write(time.monotonic(), signal, ids, kept)
        return None


class GrpcHandler(grpc.GenericRpcHandler):
    """Every OTLP service without generated code: bytes in, bytes out."""

    def __init__(self, core):
        self._core = core
        self._signals = {method: signal for signal, method in METHODS.items()}

    def service(self, details):
        signal = self._signals.get(details.method)
        if signal is None:
            return None

        def export(body, context):
            refused = self._core.take(signal, body)
            if refused is not None:
                refuse_grpc(refused, context)
            return b""

        return grpc.unary_unary_rpc_method_handler(export)


def refuse_grpc(behaviour, context):
    code = grpc.StatusCode[behaviour.code]
    message = f"made to fail with {behaviour.code}"
    if behaviour.retry_after:
        status = status_pb2.Status(code=code.value[0], message=message)
        delay = Duration(nanos=int(behaviour.retry_after * 1e9) % 10**9,
                         seconds=int(behaviour.retry_after))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, message)


class GrpcServer:
    def __init__(self, core):
        setup = core.setup
        options = [("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", setup.max_bytes),
                   ("grpc.http2.min_ping_interval_without_data_ms", 1000)]
        self._server = grpc.server(futures.ThreadPoolExecutor(64), [GrpcHandler(core)],
                                   options=options)
        endpoint = f"{setup.host}:{setup.port}"
        if setup.tls:
            certificate, key, client_ca = setup.tls
            credentials = grpc.ssl_server_credentials([(key, certificate)], client_ca,
                                                      client_ca is not None)
            self.port = self._server.add_secure_port(endpoint, credentials)
        else:
            self.port = self._server.add_insecure_port(endpoint)
        self._server.start()

    def stop(self):
        self._server.stop(0).wait()


def decompress(body, encoding):
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding in ("deflate", "zlib"):
        return zlib.decompress(body)
    return body


def read_body(headers, file):
    """The body of a request, which comes whole or in chunks."""
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        return file.read(int(headers.get("Content-Length", 0)))
    body = b""
    while size := int(file.readline().split(b";")[0], 16):
        body += file.read(size)
        file.readline()
    while file.readline().strip():  # Trailers.
        pass
    return body


class ClosableServer(ThreadingHTTPServer):
    """Takes its kept-alive connections with it."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args):
        super().__init__(*args)
        self._connections = set()

    def process_request(self, request, client_address):
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self._connections.discard(request)
        super().shutdown_request(request)

    def server_close(self):
        super().server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class HttpServer:
    def __init__(self, core):
        signals = {path: signal for signal, path in PATHS.items()}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # noqa: N802 (a name of http.server)
                body = read_body(self.headers, self.rfile)
                encoding = self.headers.get("Content-Encoding", "identity")
                signal = signals.get(self.path)
                if signal is None:
                    self.reply(404, "text/plain", b"no such path")
                    return
                refused = core.take(signal, decompress(body, encoding), encoding)
                if refused is None:
                    self.reply(200, "application/x-protobuf", b"")
                else:
                    headers = {}
                    if refused.retry_after:
                        headers["Retry-After"] = str(int(refused.retry_after))
                    self.reply(HTTP_STATUS[refused.code], "text/plain", b"made to fail", headers)

            def reply(self, status, kind, body, headers=None):
                self.send_response(status)
                for name, value in {"Content-Type": kind, **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ClosableServer((core.setup.host, core.setup.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


def serve(setup, pipe):
    """The process: answers each command with one object, until "exit" or the end of the pipe."""
    core = Core(setup)
    make = GrpcServer if setup.protocol == "grpc" else HttpServer
    server = make(core)
    pipe.send(server.port)
    object.__setattr__(setup, "port", server.port)
    while True:
        try:
            command, argument = pipe.recv()
        except EOFError:
            return
        answer = None
        if command == "behave":
            core.behaviour = argument
        elif command == "close" and server:
            server.stop()
            server = None
        elif command == "open" and not server:
            server = make(core)
        elif command == "counters":
            answer = {"attempts": core.attempts, "encodings": core.encodings}
        elif command == "exit":
            return
        pipe.send(answer)
