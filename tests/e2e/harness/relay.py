"""Relay: a TCP hop that counts bytes, for what a peer's library does not show."""

import contextlib
import socket
import threading

from harness.loopback import loopback_address


class Relay:
    def __init__(self, target):
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self._listener = socket.create_server((loopback_address(), 0))
        self.forwarded = bytearray()  # what went towards the target
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self):
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    protocol = "grpc"

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                for source, sink, keep in ((near, far, True), (far, near, False)):
                    arguments = (source, sink, keep)
                    threading.Thread(target=self._pump, args=arguments, daemon=True).start()

    def _pump(self, source, sink, keep):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep:
                    self.forwarded += data
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
