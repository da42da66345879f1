"""gRPC over HTTP/2 read from a copy of both directions of a connection."""

import time
import urllib.parse

import hpack

from real.http1 import Exchange

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _CONTINUATION = 0, 1, 3, 9
_END_STREAM, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x4, 0x8, 0x20


class _Frames:
    """One direction: (stream, headers or None, data, whether the stream ends)."""

    def __init__(self, preface):
        self._data = bytearray()
        self._skip = len(preface)
        self._decoder = hpack.Decoder()
        self._decoder.max_allowed_table_size = 1 << 20
        self._block = b""
        self._ends = False

    def feed(self, data):
        self._data += data
        if self._skip:
            if len(self._data) < self._skip:
                return
            del self._data[: self._skip]
            self._skip = 0
        while len(self._data) >= 9:
            size = int.from_bytes(self._data[:3], "big")
            if len(self._data) < 9 + size:
                return
            kind, flags = self._data[3], self._data[4]
            stream = int.from_bytes(self._data[5:9], "big") & 0x7FFFFFFF
            payload = bytes(self._data[9 : 9 + size])
            del self._data[: 9 + size]
            event = self._frame(kind, flags, payload)
            if event:
                yield (stream, *event)

    def _frame(self, kind, flags, payload):
        if kind in (_DATA, _HEADERS) and flags & _PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == _DATA:
            return None, payload, bool(flags & _END_STREAM)
        if kind == _HEADERS:
            self._block = payload[5:] if flags & _PRIORITY else payload
            self._ends = bool(flags & _END_STREAM)
        elif kind == _CONTINUATION:
            self._block += payload
        elif kind == _RST:
            return {}, b"", True
        else:
            return None
        if not flags & _END_HEADERS:
            return None
        return dict(self._decoder.decode(self._block)), b"", self._ends


class Http2:
    """Feed it what passes; `done(Exchange)` is called for every answer with a grpc-status."""

    def __init__(self, done):
        self._done = done
        self._client, self._server = _Frames(PREFACE), _Frames(b"")
        self._asked = {}  # stream -> [headers, body, when it was whole]
        self._answers = {}  # stream -> headers

    def from_client(self, data):
        for stream, headers, body, _ in self._client.feed(data):
            asked = self._asked.setdefault(stream, [{}, b"", 0.0])
            asked[0].update(headers or {})
            asked[1] += body
            asked[2] = time.monotonic()

    def from_server(self, data):
        for stream, headers, _, ends in self._server.feed(data):
            answer = self._answers.setdefault(stream, {})
            answer.update(headers or {})
            if not ends:
                continue
            del self._answers[stream]
            asked, body, at = self._asked.pop(stream, ({}, b"", 0.0))
            if "grpc-status" not in answer or ":path" not in asked:
                continue
            asked["content-encoding"] = asked.get("grpc-encoding") if body[:1] == b"\1" else None
            words = urllib.parse.unquote(answer.get("grpc-message", ""))
            self._done(Exchange(at, asked[":path"], asked, body[5:], int(answer["grpc-status"]),
                                words[:400], grpc=True))
