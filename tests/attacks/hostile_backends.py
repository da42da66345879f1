"""What hostile backends do: each takes the place of one that was there, at its address, until it is
ended. `_grpc` and `_http` are the collector's endpoints."""

import itertools
import select
import socket
import time

from attackers import Plain
from frames import (END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS,
                    WINDOW_UPDATE, frame, head)

_SETTINGS = frame(SETTINGS) + frame(SETTINGS, 1)
_LARGE = "a" * 3900


def _interim(stream):
    return head(stream, [(":status", "100")], encoder=Plain())


def _first_of_a_bomb(stream):
    """An entry of 4 KB for the dynamic table, where it becomes number 62."""
    block = Plain.encode([(":status", "200")])
    name, value = b"x-large", _LARGE.encode()
    size = len(value) - 127
    block += (b"\x40" + bytes([len(name)]) + name
              + bytes([127, size & 127 | 128, size >> 7]) + value)
    return frame(HEADERS, END_HEADERS, stream, block)


def _bomb(stream):
    """64 MB of headers in 16 KB."""
    return frame(HEADERS, END_HEADERS, stream, b"\xbe" * 16000)


# A greeting, what answers a request, and what comes then without an end: functions of a stream.
HTTP2 = {
    "interim answers": (_SETTINGS, None, _interim),
    "headers that inflate": (_SETTINGS, _first_of_a_bomb, _bomb),
    "pings": (_SETTINGS, None, lambda _: frame(PING, 0, 0, bytes(8))),
    "settings": (_SETTINGS, None, lambda _: frame(SETTINGS)),
    "windows": (_SETTINGS, None, lambda _: frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")),
    "goaway": (_SETTINGS, lambda stream: frame(GOAWAY, 0, 0, bytes(8)), None),
    "reset": (_SETTINGS, lambda stream: frame(RST_STREAM, 0, stream, b"\0\0\0\7"), None),
    "no streams": (frame(SETTINGS, 0, 0, b"\0\3\0\0\0\0") + frame(SETTINGS, 1), None, None),
    "no answer": (_SETTINGS, None, None),
    "trailers only": (_SETTINGS, lambda stream: head(
        stream, [(":status", "200"), ("x", "y")], END_HEADERS | END_STREAM, Plain()), None),
}
# The same for HTTP/1.1: what answers a request, and what comes then without an end.
HTTP1 = {
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a header without an end": (b"HTTP/1.1 200 OK\r\n", b"x-more: and more\r\n"),
    "a line without an end": (b"HTTP/1.1 200 OK\r\nx: ", b"a" * 100),
    "a body without an end": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                              b"5\r\nabcde\r\n"),
    "nothing": (b"", b""),
}


def _listen(endpoint):
    host, port = endpoint.rsplit(":", 1)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    while True:  # until its predecessor is gone
        try:
            listener.bind((host, int(port)))
            break
        except OSError:
            time.sleep(0.02)
    listener.listen(64)
    listener.setblocking(False)
    return listener


class _Peer:
    """One connection: the answer to each request, then the endless part as fast as it is read."""

    def __init__(self, connection, greeting=b""):
        connection.setblocking(False)
        self.connection = connection
        self.out = greeting
        self.endless = b""
        self.unread = b""

    def fileno(self):
        return self.connection.fileno()

    def pump(self):
        """Sends what the socket takes. False: the connection has ended."""
        try:
            if not self.out and self.endless:
                self.out = self.endless
            if self.out:
                self.out = self.out[self.connection.send(self.out) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True

    def take(self):
        """What has come; None at the end."""
        try:
            return self.connection.recv(1 << 18) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None


def _serve(endpoint, greeting, answer):
    """answer(peer, octets): reacts to what came on a connection."""
    listener = _listen(endpoint)
    peers = []
    while True:
        writers = [peer for peer in peers if peer.out or peer.endless]
        readable, writable, _ = select.select([listener, *peers], writers, [], 1)
        if listener in readable:
            peers.append(_Peer(listener.accept()[0], greeting))
        for peer in list(peers):
            octets = peer.take() if peer in readable else b""
            if octets is None or (peer in writable and not peer.pump()):
                peer.connection.close()
                peers.remove(peer)
            elif octets:
                answer(peer, octets)


def http1(_grpc, _http, endpoint, kind):
    begin, endless = HTTP1[kind]

    def answer(peer, _octets):
        if not peer.endless:
            peer.out += begin
            peer.endless = endless * (65536 // max(1, len(endless)))

    _serve(endpoint, b"", answer)


def _streams(peer, octets):
    """The streams of the HEADERS frames that came."""
    peer.unread = (peer.unread + octets).removeprefix(PREFACE)
    while len(peer.unread) >= 9:
        size = int.from_bytes(peer.unread[:3], "big")
        if len(peer.unread) < 9 + size:
            return
        if peer.unread[3] == HEADERS:
            yield int.from_bytes(peer.unread[5:9], "big")
        peer.unread = peer.unread[9 + size :]


def http2(_grpc, _http, endpoint, kind):
    greeting, begin, endless = HTTP2[kind]

    def answer(peer, octets):
        for stream in _streams(peer, octets):
            peer.out += begin(stream) if begin else b""
            if endless and not peer.endless:
                piece = endless(stream)
                peer.endless = piece * max(1, 65536 // len(piece))

    _serve(endpoint, greeting, answer)


def flapping(_grpc, _http, endpoint):
    """Takes every connection and ends it, by turns at once, with a reset, and after the request."""
    listener = _listen(endpoint)
    listener.setblocking(True)
    for turn in itertools.count():
        connection, _ = listener.accept()
        if turn % 3 == 1:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        if turn % 3 == 2:
            connection.settimeout(0.2)
            try:
                connection.recv(65536)
            except OSError:
                pass
        connection.close()
