"""HTTP/1.1 read from a copy of both directions of a connection: requests paired with answers."""

import gzip
import time
import zlib
from collections import deque
from dataclasses import dataclass


@dataclass
class Exchange:
    """A request and its answer. asked: when it had come whole, CLOCK_MONOTONIC. status: of HTTP, or
    the grpc-status with grpc=True."""

    asked: float
    path: str
    headers: dict
    body: bytes
    status: int
    words: str
    grpc: bool = False


def inflate(body, encoding):
    """The body without its encoding; None where this cannot undo it."""
    if encoding in (None, "", "identity"):
        return body
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding in ("deflate", "zlib"):
        return zlib.decompress(body)
    return None


class _Messages:
    """Cuts a stream into (start line, headers, body)."""

    def __init__(self, responses):
        self._responses = responses
        self._data = bytearray()

    def feed(self, data):
        self._data += data
        while (message := self._next()) is not None:
            yield message

    def _next(self):
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self._data[:end].decode("latin-1").split("\r\n")
        pairs = (line.split(":", 1) for line in lines[1:])
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        found = self._body(lines[0], headers, end + 4)
        if found is None:
            return None
        body, after = found
        del self._data[:after]
        return lines[0], headers, body

    def _body(self, start, headers, at):
        """(body, where it ends); None while it is not complete."""
        if self._responses and start.split()[1] in ("100", "204", "304"):
            return b"", at
        if "chunked" in headers.get("transfer-encoding", ""):
            return self._chunks(at)
        end = at + int(headers.get("content-length", 0))
        return (bytes(self._data[at:end]), end) if len(self._data) >= end else None

    def _chunks(self, at):
        body = b""
        while True:
            line = self._data.find(b"\r\n", at)
            if line < 0:
                return None
            size = int(self._data[at:line].split(b";")[0], 16)
            end = line + 2 + size + 2
            if len(self._data) < end:
                return None
            if size == 0:
                return body, end
            body += self._data[line + 2 : end - 2]
            at = end


class Http1:
    """Feed it what passes; `done(Exchange)` is called for every answer."""

    def __init__(self, done):
        self._done = done
        self._requests, self._responses = _Messages(False), _Messages(True)
        self._waiting = deque()

    def from_client(self, data):
        self._waiting.extend((time.monotonic(), *message) for message in self._requests.feed(data))

    def from_server(self, data):
        for start, headers, body in self._responses.feed(data):
            status = int(start.split()[1])
            if status == 100 or not self._waiting:
                continue
            at, line, asked, sent = self._waiting.popleft()
            body = inflate(body, headers.get("content-encoding")) or b""
            self._done(Exchange(at, line.split()[1], asked, sent, status,
                                body[:400].decode("utf-8", "replace").strip()))
