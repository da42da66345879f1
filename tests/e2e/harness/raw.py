"""Connections byte by byte, for what no client library does, and what they get."""

import select
import socket
import struct
import time


def dial(endpoint, timeout=10, source=None):
    """source: the address that it comes from."""
    host, port = endpoint.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=timeout,
                                    source_address=(source, 0) if source else None)


def read_all(connection, timeout=10):
    """What comes until the peer ends; a reset is a ConnectionResetError."""
    connection.settimeout(timeout)
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def ask(endpoint, request, timeout=10):
    """The whole answer to the bytes."""
    with dial(endpoint, timeout) as connection:
        connection.sendall(request)
        return read_all(connection, timeout)


def http_post(path, body, content_type="application/x-protobuf", **fields):
    """The bytes of a request."""
    head = {"Host": "test", "Content-Type": content_type, "Content-Length": str(len(body)),
            **fields}
    lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def read_response(connection, timeout=10):
    """One response with a Content-Length; None if the peer ended before its first byte."""
    connection.settimeout(timeout)
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            assert not received, f"cut inside a response: {received!r}"
            return None
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip()
              for name, _, value in (line.partition(":") for line in lines[1:])}
    while len(body) < int(fields.get("content-length", 0)):
        piece = connection.recv(65536)
        assert piece, "cut inside a body"
        body += piece
    return int(lines[0].split(" ")[1]), fields, body


def reset(connection):
    """Ends it with RST in place of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def ended(connection):
    """Whether the peer has ended its side and nothing is left to read."""
    readable, _, _ = select.select([connection], [], [], 0)
    return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""


class Insistent:
    """A client that never repeats a request, and connects again as soon as its connection ends:
    one request after the other until stopped. Counts what became of them."""

    def __init__(self, endpoint, make_request, keep_alive=True):
        self._endpoint = endpoint
        self._make_request = make_request
        self._keep_alive = keep_alive
        self.answers = {}  # status -> count
        self.acknowledged = []  # identities
        self.delays = set()  # Retry-After of refusals
        self.refused = 0  # connections
        self.lost = []  # errors of requests that were begun on a connection that stood

    def run(self, stop):
        connection = None
        while not stop.is_set():
            request, ids = self._make_request()
            try:
                connection = connection or dial(self._endpoint)
            except ConnectionRefusedError:
                self.refused += 1
                time.sleep(0.01)
                continue
            except OSError as error:
                self.lost.append(error)
                continue
            connection = self._ask(connection, request, ids)

    def _ask(self, connection, request, ids):
        """The connection for the next request."""
        try:
            if ended(connection):  # as every client's pool looks before it takes one
                connection.close()
                connection = dial(self._endpoint)
            connection.sendall(request)
            answer = read_response(connection)
            if answer is None:
                raise ConnectionError("ended without an answer")
        except ConnectionRefusedError:
            self.refused += 1
            return None
        except OSError as error:
            self.lost.append(error)
            connection.close()
            return None
        status, fields, _ = answer
        self.answers[status] = self.answers.get(status, 0) + 1
        if status == 200:
            self.acknowledged += ids
        elif "retry-after" in fields:
            self.delays.add(fields["retry-after"])
        if fields.get("connection") == "close" or not self._keep_alive:
            connection.close()
            return None
        return connection
