"""A TCP hop that notes when a connection was first spoken to, and when and how it was answered."""

import contextlib
import socket
import threading
import time

from harness.loopback import loopback_address

KEPT = 4096


class Connection:
    """Times are CLOCK_MONOTONIC; None where it never happened."""

    def __init__(self):
        self.asked = None  # the client's first byte
        self.ended = None  # the server's end of the connection
        self.answer = b""  # the first bytes from the server, after the client's first

    @property
    def seconds(self):
        """From the client's first byte to the end by the server; None while it is open."""
        return self.ended - self.asked if self.asked and self.ended else None


class Tap:
    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server((loopback_address(), 0))
        self.connections = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self):
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                connection = Connection()
                self.connections.append(connection)
                for pump in (self._from_client, self._from_server):
                    threading.Thread(target=pump, args=(near, far, connection),
                                     daemon=True).start()

    @staticmethod
    def _from_client(near, far, connection):
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                connection.asked = connection.asked or time.monotonic()
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    @staticmethod
    def _from_server(near, far, connection):
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                connection.answer += data[:KEPT - len(connection.answer)]
                near.sendall(data)
        connection.ended = time.monotonic()
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
