"""Relay: a TCP hop that counts bytes, for what a peer's library does not show, or is far away."""

import contextlib
import queue
import socket
import threading
import time

from harness.loopback import loopback_address


class Relay:
    def __init__(self, target, delay=0.0):
        """delay: seconds that each byte is on its way, in each direction."""
        self._delay = delay
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
        on_the_way = queue.SimpleQueue()
        threading.Thread(target=self._deliver, args=(on_the_way, sink), daemon=True).start()
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if keep:
                    self.forwarded += data
                on_the_way.put((time.monotonic() + self._delay, data))
        on_the_way.put((time.monotonic() + self._delay, None))
        with contextlib.suppress(OSError):
            source.shutdown(socket.SHUT_RD)

    @staticmethod
    def _deliver(on_the_way, sink):
        with contextlib.suppress(OSError):
            while True:
                due, data = on_the_way.get()
                time.sleep(max(0.0, due - time.monotonic()))
                if data is None:
                    break
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def close(self):
        self._listener.close()
