"""The two front doors of a scripted backend: OTLP over HTTP/1.1 and over gRPC."""

import asyncio
from dataclasses import dataclass

import grpc

from harness.items import METHODS, PATHS
from harness.real_answers import PROTOBUF

REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
           405: "Method Not Allowed", 413: "Request Entity Too Large",
           415: "Unsupported Media Type", 422: "Unprocessable Entity",
           429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable", 507: "Insufficient Storage"}


# What the same refusal is over gRPC; a full disk and a limit come without RetryInfo.
CODES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "UNIMPLEMENTED",
         405: "UNIMPLEMENTED", 413: "RESOURCE_EXHAUSTED", 422: "INVALID_ARGUMENT",
         429: "RESOURCE_EXHAUSTED", 500: "INTERNAL", 503: "UNAVAILABLE",
         507: "RESOURCE_EXHAUSTED"}


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict  # names in lower case
    body: bytes


async def read_request(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    path = head[0].split(" ")[1]
    pairs = (line.split(":", 1) for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, value in pairs}
    if headers.get("transfer-encoding") == "chunked":
        return Request(path, headers, await read_chunks(reader))
    return Request(path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


async def read_chunks(reader):
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


def encode(answer):
    head = [f"HTTP/1.1 {answer.status} {REASONS[answer.status]}"]
    if answer.kind:
        head.append(f"Content-Type: {answer.kind}")
    head += [f"{name}: {value}" for name, value in answer.headers]
    head.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + answer.body


class HttpServer:
    """The listener and its connections."""

    def __init__(self, setup, player):
        self._setup, self._player = setup, player
        self._server = None
        self._writers = set()
        self._busy = set()
        self.port = setup.port

    async def open(self):
        self._server = await asyncio.start_server(
            self._serve, self._setup.host, self.port, limit=64 << 20, backlog=128)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self):
        """Dials are refused from now on; requests that are there are answered first."""
        self._server.close()
        for writer in self._writers - self._busy:
            writer.transport.abort()
        while self._busy:
            await asyncio.sleep(0.001)

    async def _serve(self, reader, writer):
        self._writers.add(writer)
        try:
            while self._server.is_serving():
                request = await read_request(reader)
                self._busy.add(writer)
                writer.write(encode(await self._player.answer(request)))
                await writer.drain()
                self._busy.discard(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            self._busy.discard(writer)
            writer.close()


class GrpcServer:
    """The same answers with the words as grpc-message. grpcio undoes the compression."""

    def __init__(self, setup, player):
        self._setup, self._player = setup, player
        self._server = None
        self.port = setup.port

    async def open(self):
        self._server = grpc.aio.server(options=[
            ("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 64 << 20),
            ("grpc.http2.min_ping_interval_without_data_ms", 1000)])
        self._server.add_generic_rpc_handlers((Methods(self._setup.profile, self._player),))
        self.port = self._server.add_insecure_port(f"{self._setup.host}:{self.port}")
        await self._server.start()

    async def close(self):
        await self._server.stop(5)


class Methods(grpc.GenericRpcHandler):
    """Every OTLP service without generated code: bytes in, bytes out."""

    def __init__(self, profile, player):
        self._player = player
        self._paths = {METHODS[signal]: profile.base + PATHS[signal] for signal in profile.signals}

    def service(self, details):
        path = self._paths.get(details.method)
        if path is None:
            return None
        headers = {pair.key: pair.value for pair in details.invocation_metadata}
        headers["content-type"] = PROTOBUF

        async def export(body, context):
            answer = await self._player.answer(Request(path, headers, body))
            if answer.status != 200:
                await context.abort(grpc.StatusCode[CODES[answer.status]], answer.words)
            return b""

        return grpc.unary_unary_rpc_method_handler(export)
