"""HTTP/2 byte by byte: frames (RFC 9113), headers, and a connection that sends what it likes."""

import select
import socket
import struct
import time

from hpack import Encoder

from harness.items import METHODS
from harness.raw import dial

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = (
    range(10))
UNKNOWN = 0xBE
END_STREAM, END_HEADERS, ACK = 1, 4, 1
CALM = 11  # ENHANCE_YOUR_CALM


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def grpc_fields(signal="traces", more=()):
    return [(":method", "POST"), (":scheme", "http"), (":path", METHODS[signal]),
            (":authority", "test"), ("content-type", "application/grpc"), ("te", "trailers"),
            *more]


def head(stream, fields=None, flags=END_HEADERS, encoder=None):
    """A HEADERS frame; with CONTINUATION frames where it does not fit."""
    block = (encoder or Encoder()).encode(fields or grpc_fields())
    pieces = [block[at : at + 16384] for at in range(0, len(block), 16384)] or [b""]
    if len(pieces) == 1:
        return frame(HEADERS, flags, stream, block)
    out = [frame(HEADERS, flags & ~END_HEADERS, stream, pieces[0])]
    out += [frame(CONTINUATION, 0, stream, piece) for piece in pieces[1:-1]]
    return b"".join([*out, frame(CONTINUATION, END_HEADERS, stream, pieces[-1])])


def message(body):
    """A gRPC message."""
    return struct.pack(">BI", 0, len(body)) + body


def data(stream, body, end=True, piece=16384):
    """DATA frames of a whole body."""
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)] or [b""]
    return b"".join(frame(DATA, END_STREAM if end and index == len(pieces) - 1 else 0, stream, part)
                    for index, part in enumerate(pieces))


class Connection:
    """A connection with its greeting sent. Keeps what windows and GOAWAY say."""

    def __init__(self, endpoint, settings=(), read_buffer=0, answers=True, source=None):
        """answers: acknowledges SETTINGS and PING; not for those who send parts of frames.
        source: the address that it comes from."""
        self._answers = answers
        self._socket = dial(endpoint, source=source)
        if read_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_buffer)
        self._unread = b""
        self.window = 65535  # of the connection
        self.initial = 65535  # of a stream
        self.windows = {}  # stream -> bytes it may still get
        self.ended = {}  # stream -> how: "answer" or the number of the error
        self.goaway = None  # its error
        self.closed = False
        payload = b"".join(struct.pack(">HI", *pair) for pair in settings)
        self.send(PREFACE + frame(SETTINGS, 0, 0, payload))

    def send(self, octets):
        """False when the server has ended the connection."""
        try:
            self._socket.settimeout(30)
            self._socket.sendall(octets)
        except OSError:
            self.closed = True
        return not self.closed

    def offer(self, octets):
        """Sends what the socket takes now; how much that was."""
        self._socket.setblocking(False)
        try:
            return self._socket.send(octets)
        except BlockingIOError:
            return 0
        except OSError:
            self.closed = True
            return 0

    def read(self, wait=0.0):
        """Takes in what has come, at most until `wait` is over without any."""
        while not self.closed and select.select([self._socket], [], [], wait)[0]:
            try:
                self._socket.setblocking(False)
                octets = self._socket.recv(1 << 20)
            except BlockingIOError:
                return
            except OSError:
                octets = b""
            if not octets:
                self.closed = True
                return
            self._take(octets)
            wait = 0.0

    def _take(self, octets):
        self._unread += octets
        while len(self._unread) >= 9:
            size = int.from_bytes(self._unread[:3], "big")
            if len(self._unread) < 9 + size:
                return
            kind, flags, stream = struct.unpack(">BBI", self._unread[3:9])
            payload = self._unread[9 : 9 + size]
            self._unread = self._unread[9 + size :]
            self._frame(kind, flags, stream, payload)

    def _frame(self, kind, flags, stream, payload):
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at : at + 6])
                if name == 4:
                    self.windows = {number: left + value - self.initial
                                    for number, left in self.windows.items()}
                    self.initial = value
            self._answer(frame(SETTINGS, ACK))
        elif kind == WINDOW_UPDATE:
            more = struct.unpack(">I", payload)[0]
            if stream == 0:
                self.window += more
            else:
                self.windows[stream] = self.windows.get(stream, self.initial) + more
        elif kind == RST_STREAM:
            self.ended.setdefault(stream, struct.unpack(">I", payload)[0])
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">II", payload[:8])[1]
        elif kind == PING and not flags & ACK:
            self._answer(frame(PING, ACK, 0, payload))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended[stream] = "answer"

    def _answer(self, octets):
        if self._answers:
            self.offer(octets)

    def room(self, stream):
        """How much DATA flow control lets through."""
        return min(self.window, self.windows.get(stream, self.initial))

    def upload(self, bodies, seconds, keep_last=0):
        """Sends bodies (stream -> bytes), one frame each in turn, as the windows allow, until all
        are sent or their streams have ended, or the time is over. keep_last: so many bytes of each
        are not sent. The bytes that are left of each."""
        left = {stream: memoryview(body) for stream, body in bodies.items()}
        deadline = time.monotonic() + seconds
        while left and not self.closed and time.monotonic() < deadline:
            sent = 0
            for stream, body in list(left.items()):
                take = min(16384, len(body) - keep_last, self.room(stream))
                if stream in self.ended or len(body) <= keep_last:
                    left.pop(stream)
                elif take > 0:
                    end = END_STREAM if take == len(body) else 0
                    if not self.send(frame(DATA, end, stream, bytes(body[:take]))):
                        break
                    self.window -= take
                    self.windows[stream] = self.windows.get(stream, self.initial) - take
                    left[stream] = body[take:]
                    sent += take
            self.read(0.0 if sent else 0.02)
        return left

    def close(self):
        self._socket.close()
