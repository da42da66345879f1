"""Load of several clients: each its own connection and resource, one request at a time."""

import threading
import time

import grpc

from harness.load import RETRYABLE, GrpcClient
from real.points import Clock, fresh, make_request


class Load:
    """`with Load(...)` sends until the block ends. What was acknowledged is kept by identity.

    series: identity -> (client, index in the request), which is the item's series.
    rate: requests per second of each client. A refused request is sent again as an SDK would, with
    a short back-off, so a client's time only rises.
    """

    def __init__(self, endpoint, signal, clients=4, rate=5.0, items=20,
                 padding=0):
        self._endpoint, self._signal = endpoint, signal
        self._rate, self._items, self._padding = rate, items, padding
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._acked = {}  # identity -> when, CLOCK_MONOTONIC
        self.series = {}
        self.refused = 0
        self.first_refusal = ""
        self._threads = [threading.Thread(target=self._run, args=(client,), daemon=True)
                         for client in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive(), "a client of the load hangs"

    @property
    def acked(self):
        with self._lock:
            return set(self._acked)

    @property
    def client_of(self):
        """identity -> the client that sent it, which is its resource."""
        return {number: client for number, (client, _) in self.series.items()}

    def acked_within(self, seconds):
        """What was acknowledged in the last seconds."""
        since = time.monotonic() - seconds
        with self._lock:
            return {number for number, at in self._acked.items() if at > since}

    def _run(self, client):
        clock = Clock()
        due = time.monotonic()
        with GrpcClient(self._endpoint) as connection:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                due = max(due + 1 / self._rate, time.monotonic() - 1.0)
                ids = fresh(self._items)
                request = make_request(self._signal, client, ids, clock.next(), self._padding)
                self.series.update((number, (client, at)) for at, number in enumerate(ids))
                self._send(connection, request.SerializeToString(), ids)

    def _send(self, connection, body, ids):
        while True:
            code, details, _ = connection.export(self._signal, body)
            with self._lock:
                if code is grpc.StatusCode.OK:
                    self._acked.update(dict.fromkeys(ids, time.monotonic()))
                    return
                self.refused += 1
                self.first_refusal = self.first_refusal or f"{code.name}: {details}"
            if code not in RETRYABLE | {grpc.StatusCode.RESOURCE_EXHAUSTED} or self._stop.wait(0.2):
                return
