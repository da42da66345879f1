"""What RFC 9113 (sections 4 to 6 and 8) demands of a server, a row per MUST: the gRPC port."""

import struct
import time

import pytest
from frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PUSH,
    RST_STREAM,
    SETTINGS,
    UNKNOWN,
    WINDOW_UPDATE,
    Connection,
    data,
    frame,
    grpc_fields,
    head,
    message,
)
from hpack import Encoder

from harness.collector import SLOWNESS
from harness.configs import pass_through
from harness.items import make_body
from harness.raw import dial, read_all

PROTOCOL, FLOW_CONTROL, STREAM_CLOSED, FRAME_SIZE, REFUSED, COMPRESSION = 1, 3, 5, 6, 7, 9
FIELDS = grpc_fields()
PADDED = 8
BODY = message(make_body("traces", 1)[0])


def whole(stream=1):
    """A request from its first byte to its last."""
    return head(stream) + data(stream, BODY)


def fields(*more, without=(), first=()):
    kept = [pair for pair in FIELDS if pair[0] not in without]
    return head(1, [*first, *kept, *more], END_HEADERS | END_STREAM)


def literal(name, value):
    """A header field as bytes, without a table and without Huffman code."""
    return bytes([0, len(name)]) + name + bytes([len(value)]) + value


def raw_field(name, value):
    return frame(HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode(FIELDS)
                 + literal(name, value))


def number(value):
    return struct.pack(">I", value)


def setting(name, value):
    return frame(SETTINGS, 0, 0, struct.pack(">HI", name, value))


def block():
    return Encoder().encode(FIELDS)


# (section, what) -> (frames, code). A code on its own: of the connection; with S: of stream 1, or
# of the connection, as section 5.4.2 allows.
S = "stream"
ROWS = {
    ("4.2", "a frame above SETTINGS_MAX_FRAME_SIZE"):
        (head(1) + frame(DATA, 0, 1, bytes(16385)), (FRAME_SIZE, S)),
    ("4.2", "HEADERS above SETTINGS_MAX_FRAME_SIZE"):
        (frame(HEADERS, END_HEADERS, 1, bytes(16385)), FRAME_SIZE),
    ("4.3", "a field block that cannot be decoded"):
        (frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\xff\xff\xff\xff\xff\x0f"), COMPRESSION),
    ("5.1", "DATA on an idle stream"): (frame(DATA, END_STREAM, 1, b"x"), PROTOCOL),
    ("5.1", "RST_STREAM on an idle stream"): (frame(RST_STREAM, 0, 1, number(8)), PROTOCOL),
    ("5.1", "WINDOW_UPDATE on an idle stream"): (frame(WINDOW_UPDATE, 0, 1, number(8)), PROTOCOL),
    ("5.1", "CONTINUATION on an idle stream"):
        (frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL),
    ("5.1", "DATA after END_STREAM"):
        (whole() + frame(DATA, END_STREAM, 1, b"x"), (STREAM_CLOSED, S)),
    ("5.1", "HEADERS after END_STREAM"):
        (whole() + head(1, flags=END_HEADERS | END_STREAM), (STREAM_CLOSED, S)),
    ("5.1", "CONTINUATION after END_STREAM"):
        (whole() + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL),
    ("5.1", "DATA after RST_STREAM"):
        (head(1) + frame(RST_STREAM, 0, 1, number(8)) + frame(DATA, END_STREAM, 1, b"x"),
         (STREAM_CLOSED, S)),
    ("5.1", "HEADERS after RST_STREAM"):
        (head(1) + frame(RST_STREAM, 0, 1, number(8))
         + head(1, flags=END_HEADERS | END_STREAM), (STREAM_CLOSED, S)),
    ("5.1.1", "a stream with an even number"): (head(2), PROTOCOL),
    ("5.1.1", "a number below that of the last stream"): (head(5) + head(3), PROTOCOL),
    ("5.1.2", "more streams than SETTINGS_MAX_CONCURRENT_STREAMS"):
        (b"".join(head(stream) for stream in (3, 5, 7, 9, 1001)) + head(1), (PROTOCOL, S)),
    ("5.5", "an unknown frame inside a field block"):
        (frame(HEADERS, 0, 1, block()) + frame(UNKNOWN, 0, 1, b"x"), PROTOCOL),
    ("6.1", "DATA on stream 0"): (frame(DATA, 0, 0, b"x"), PROTOCOL),
    ("6.1", "DATA with more padding than payload"):
        (head(1) + frame(DATA, PADDED, 1, b"\x05x"), PROTOCOL),
    ("6.2", "HEADERS on stream 0"): (frame(HEADERS, END_HEADERS, 0, block()), PROTOCOL),
    ("6.2", "HEADERS with more padding than payload"):
        (frame(HEADERS, END_HEADERS | PADDED, 1, b"\xff" + block()), PROTOCOL),
    ("6.2", "another frame before END_HEADERS"):
        (frame(HEADERS, 0, 1, block()) + frame(PING, 0, 0, bytes(8)), PROTOCOL),
    ("6.2", "CONTINUATION of another stream"):
        (frame(HEADERS, 0, 1, block()[:5]) + frame(CONTINUATION, END_HEADERS, 3, block()[5:]),
         PROTOCOL),
    ("6.3", "PRIORITY on stream 0"): (frame(PRIORITY, 0, 0, bytes(5)), PROTOCOL),
    ("6.3", "PRIORITY of another length"): (head(1) + frame(PRIORITY, 0, 1, bytes(4)),
                                            (FRAME_SIZE, S)),
    ("6.4", "RST_STREAM on stream 0"): (frame(RST_STREAM, 0, 0, number(8)), PROTOCOL),
    ("6.4", "RST_STREAM of another length"): (head(1) + frame(RST_STREAM, 0, 1, bytes(3)),
                                              FRAME_SIZE),
    ("6.5", "an acknowledgement of SETTINGS with a payload"):
        (frame(SETTINGS, ACK, 0, bytes(6)), FRAME_SIZE),
    ("6.5", "SETTINGS on a stream"): (frame(SETTINGS, 0, 1, b""), PROTOCOL),
    ("6.5", "SETTINGS that is no multiple of six"): (frame(SETTINGS, 0, 0, bytes(5)), FRAME_SIZE),
    ("6.5.2", "SETTINGS_ENABLE_PUSH of two"): (setting(2, 2), PROTOCOL),
    ("6.5.2", "SETTINGS_INITIAL_WINDOW_SIZE above the largest"): (setting(4, 1 << 31),
                                                                 FLOW_CONTROL),
    ("6.5.2", "SETTINGS_MAX_FRAME_SIZE below the least"): (setting(5, 16383), PROTOCOL),
    ("6.5.2", "SETTINGS_MAX_FRAME_SIZE above the largest"): (setting(5, 1 << 24), PROTOCOL),
    ("6.6", "PUSH_PROMISE of a client"):
        (head(1) + frame(PUSH, END_HEADERS, 1, number(2) + block()), PROTOCOL),
    ("6.7", "PING on a stream"): (frame(PING, 0, 1, bytes(8)), PROTOCOL),
    ("6.7", "PING of another length"): (frame(PING, 0, 0, bytes(6)), FRAME_SIZE),
    ("6.8", "GOAWAY on a stream"): (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    ("6.9", "WINDOW_UPDATE of nothing for the connection"):
        (frame(WINDOW_UPDATE, 0, 0, number(0)), PROTOCOL),
    ("6.9", "WINDOW_UPDATE of nothing for a stream"):
        (head(1) + frame(WINDOW_UPDATE, 0, 1, number(0)), (PROTOCOL, S)),
    ("6.9", "WINDOW_UPDATE of nothing for a stream that is answered"):
        (whole() + frame(WINDOW_UPDATE, 0, 1, number(0)), (PROTOCOL, S)),
    ("6.9", "WINDOW_UPDATE of another length"): (frame(WINDOW_UPDATE, 0, 0, bytes(3)), FRAME_SIZE),
    ("6.9.1", "a window of the connection above the largest"):
        (frame(WINDOW_UPDATE, 0, 0, number((1 << 31) - 1)) * 2, FLOW_CONTROL),
    ("6.9.1", "a window of a stream above the largest"):
        (head(1) + frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 1)) * 2, (FLOW_CONTROL, S)),
    # The connection should end; nghttp2 ends the stream.
    ("6.9.2", "an initial window that makes one too large"):
        (head(1) + frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 1 - 65535))
         + setting(4, (1 << 31) - 1), (FLOW_CONTROL, S)),
    ("6.10", "CONTINUATION after END_HEADERS"):
        (head(1) + frame(CONTINUATION, END_HEADERS, 1, block()), PROTOCOL),
    ("6.10", "CONTINUATION on stream 0"):
        (frame(HEADERS, 0, 1, block()) + frame(CONTINUATION, END_HEADERS, 0, b""), PROTOCOL),
    ("8.1", "HEADERS after HEADERS without END_STREAM"): (head(1) + head(1), (PROTOCOL, S)),
    ("8.1", "the same when the request is refused already"):
        (head(1, [*FIELDS[:2], (":path", "/no/Method"), *FIELDS[3:]]) + head(1), (PROTOCOL, S)),
    ("8.1.1", "a content-length that is not the body's"):
        (head(1, [*FIELDS, ("content-length", "7")]) + data(1, BODY), (PROTOCOL, S)),
    ("8.2", "a name in upper case"): (raw_field(b"X-Upper", b"a"), (PROTOCOL, S)),
    ("8.2", "a name with a blank"): (raw_field(b"a b", b"a"), (PROTOCOL, S)),
    ("8.2", "a name with a colon"): (raw_field(b"a:b", b"a"), (PROTOCOL, S)),
    ("8.2", "a value with a line end"): (raw_field(b"a", b"b\r\nc: d"), (PROTOCOL, S)),
    ("8.2", "a value with a zero"): (raw_field(b"a", b"b\0"), (PROTOCOL, S)),
    ("8.2.2", "connection"): (fields(("connection", "keep-alive")), (PROTOCOL, S)),
    ("8.2.2", "keep-alive"): (fields(("keep-alive", "1")), (PROTOCOL, S)),
    ("8.2.2", "proxy-connection"): (fields(("proxy-connection", "a")), (PROTOCOL, S)),
    ("8.2.2", "transfer-encoding"): (fields(("transfer-encoding", "chunked")), (PROTOCOL, S)),
    ("8.2.2", "upgrade"): (fields(("upgrade", "h2c")), (PROTOCOL, S)),
    ("8.2.2", "te that is not trailers"): (fields(("te", "gzip"), without=("te",)), (PROTOCOL, S)),
    ("8.3", "a pseudo field that does not exist"):
        (fields(first=((":test", "a"),)), (PROTOCOL, S)),
    ("8.3", "a pseudo field of answers"): (fields(first=((":status", "200"),)), (PROTOCOL, S)),
    ("8.3", "a pseudo field after others"):
        (fields((":path", "/x"), without=(":path",)), (PROTOCOL, S)),
    ("8.3", "a pseudo field twice"): (fields(first=((":path", "/x"),)), (PROTOCOL, S)),
    ("8.3", "a pseudo field in trailers"):
        (head(1) + head(1, [(":method", "POST")], END_HEADERS | END_STREAM), (PROTOCOL, S)),
    ("8.3.1", "no :method"): (fields(without=(":method",)), (PROTOCOL, S)),
    ("8.3.1", "no :scheme"): (fields(without=(":scheme",)), (PROTOCOL, S)),
    ("8.3.1", "no :path"): (fields(without=(":path",)), (PROTOCOL, S)),
    ("8.3.1", "an empty :path"):
        (fields(first=((":path", ""),), without=(":path",)), (PROTOCOL, S)),
}

# What must be borne: a request afterwards is answered.
FINE = {
    ("5.1", "PRIORITY on an idle stream"): frame(PRIORITY, 0, 1, bytes([0, 0, 0, 0, 1])),
    ("5.1", "PRIORITY after an end"): whole() + frame(PRIORITY, 0, 1, bytes([0, 0, 0, 0, 1])),
    ("5.1", "WINDOW_UPDATE after an end"): whole() + frame(WINDOW_UPDATE, 0, 1, number(9)),
    ("5.1", "RST_STREAM after an end"): whole() + frame(RST_STREAM, 0, 1, number(8)),
    ("5.5", "an unknown frame"): frame(UNKNOWN, 0xFF, 0, b"whatever") + frame(UNKNOWN, 0, 7, b""),
    ("6.1", "padding"): head(1) + frame(DATA, PADDED | END_STREAM, 1,
                                        b"\x03" + BODY + bytes(3)),
    ("6.2", "a field block in pieces"):
        frame(HEADERS, END_STREAM, 1, block()[:3]) + frame(CONTINUATION, 0, 1, block()[3:7])
        + frame(CONTINUATION, END_HEADERS, 1, block()[7:]),
    ("6.5", "an unknown setting"): setting(0xFF, 1),
    ("6.7", "an answer to a PING that nobody sent"): frame(PING, ACK, 0, bytes(8)),
    ("8.1", "trailers"): head(1) + data(1, BODY, end=False)
                         + head(1, [("x-checksum", "1")], END_HEADERS | END_STREAM),
    ("8.2.2", "te: trailers"): fields(("te", "trailers"), without=("te",)),
}


class Watched(Connection):
    """Keeps every reset of stream 1."""

    def __init__(self, endpoint):
        self.resets = []
        super().__init__(endpoint)

    def _frame(self, kind, flags, stream, payload):
        if kind == RST_STREAM and stream == 1:
            self.resets.append(struct.unpack(">I", payload)[0])
        super()._frame(kind, flags, stream, payload)


@pytest.fixture(scope="module")
def endpoint():
    from harness.backend import Backend
    from harness.collector import Collector
    backend = Backend()
    # Four streams at once, so that there can be too many.
    limit = "receivers: {otlp: {protocols: {grpc: {max_concurrent_streams: 4}}}}"
    collector = Collector(pass_through(backend, signals=("traces",)), limit)
    yield collector.grpc
    collector.destroy()
    backend.destroy()


def titles(rows):
    return [f"{section} {what}" for section, what in rows]


@pytest.mark.parametrize("pieces", (1, 2), ids=("at once", "late"))
@pytest.mark.parametrize("row", ROWS, ids=titles(ROWS))
def test_a_violation_is_answered_with_its_code(endpoint, row, pieces):
    octets, expected = ROWS[row]
    code, of_stream = expected if isinstance(expected, tuple) else (expected, None)
    connection = Watched(endpoint)
    connection.read(0.2)
    if pieces == 1:
        connection.send(octets)
    else:  # the last frame comes when those before are answered
        last = last_frame(octets)
        connection.send(octets[:last])
        connection.read(0.1)
        connection.send(octets[last:])
    deadline = time.monotonic() + 5 * SLOWNESS
    codes = {code, REFUSED} if row[0] == "5.1.2" else {code}
    while time.monotonic() < deadline and not connection.closed:
        if connection.goaway in codes or (of_stream and codes & {*connection.resets}):
            break
        connection.read(0.05)
    assert connection.goaway in codes or (of_stream and codes & {*connection.resets}), (
        connection.goaway, connection.resets, connection.ended)
    connection.close()


def last_frame(octets):
    at = 0
    while True:
        size = 9 + int.from_bytes(octets[at : at + 3], "big")
        if at + size >= len(octets):
            return at
        at += size


@pytest.mark.parametrize("row", FINE, ids=titles(FINE))
def test_what_is_in_order_is_borne(endpoint, row):
    connection = Watched(endpoint)
    connection.send(FINE[row] + whole(101))
    deadline = time.monotonic() + 5 * SLOWNESS
    while time.monotonic() < deadline and 101 not in connection.ended:
        connection.read(0.05)
    assert connection.ended.get(101) == "answer"
    assert connection.goaway is None
    connection.close()


def test_a_wrong_preface_ends_the_connection(endpoint):
    with dial(endpoint) as connection:
        connection.sendall(PREFACE[:-2] + b"XX" + frame(SETTINGS))
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    with dial(endpoint) as connection:
        connection.sendall(PREFACE + whole())  # SETTINGS must come first
        read_all(connection)


def test_settings_and_pings_are_acknowledged(endpoint):
    with dial(endpoint) as connection:
        connection.sendall(PREFACE + frame(SETTINGS) + frame(PING, 0, 0, b"12345678"))
        received = b""
        connection.settimeout(5)
        while frame(PING, ACK, 0, b"12345678") not in received:
            received += connection.recv(4096)
        assert frame(SETTINGS, ACK) in received
