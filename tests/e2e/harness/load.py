"""Load: sends batches with identities and remembers what was acknowledged."""

import gzip
import threading
import time
from dataclasses import dataclass, field

import grpc
import requests

from harness.items import METHODS, PATHS, make_body

RETRYABLE = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED,
             grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED, grpc.StatusCode.DATA_LOSS}


def channel_to(endpoint, credentials=None, transparent=False):
    """A connection of its own, whatever other channels to the endpoint there are.

    transparent: requests that never left, since a GOAWAY came first, go to the next connection, as
    SDKs have it; without it such a request fails inside this client.
    """
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", int(transparent)),
               ("grpc.max_reconnect_backoff_ms", 200), ("grpc.initial_reconnect_backoff_ms", 50),
               # The time that a dial has, whatever its name says: a loaded machine needs it.
               ("grpc.min_reconnect_backoff_ms", 10_000)]
    if credentials:
        return grpc.secure_channel(endpoint, credentials, options)
    return grpc.insecure_channel(endpoint, options)


class GrpcClient:
    """One connection. export returns status code, details and trailing metadata of the answer."""

    def __init__(self, endpoint, credentials=None, transparent=False):
        self._channel = channel_to(endpoint, credentials, transparent)
        self._calls = {signal: self._channel.unary_unary(method)
                       for signal, method in METHODS.items()}

    def export(self, signal, body, timeout=10, compression=None, metadata=()):
        try:
            self._calls[signal](body, timeout=timeout, compression=compression, metadata=metadata)
            return grpc.StatusCode.OK, "", ()
        except grpc.RpcError as error:
            return error.code(), error.details(), error.trailing_metadata() or ()

    def begin(self, signal, body, timeout=10):
        """Sends a request whose answer may take long; its future, once the server has read it."""
        call = self._calls[signal].future(body, timeout=timeout)
        try:
            self._channel.unary_unary("/no.Such/Method")(b"", timeout=timeout)
        except grpc.RpcError as error:  # what a connection carries is read in order
            assert error.code() is grpc.StatusCode.UNIMPLEMENTED
        return call

    def send(self, signal, count=1, **options):
        """Sends fresh items, which must be acknowledged; their identities."""
        body, ids = make_body(signal, count)
        code, details, _ = self.export(signal, body, **options)
        assert code is grpc.StatusCode.OK, f"{code}: {details}"
        return ids

    def close(self):
        self._channel.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class HttpClient:
    """OTLP/HTTP with protobuf over one kept-alive connection."""

    def __init__(self, url, verify=True):
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = verify

    def export(self, signal, body, timeout=10, compress=False, **headers):
        fields = {"Content-Type": "application/x-protobuf", **headers}
        if compress:
            body = gzip.compress(body)
            fields["Content-Encoding"] = "gzip"
        return self._session.post(self._url + PATHS[signal], data=body, headers=fields,
                                  timeout=timeout)

    def send(self, signal, count=1, **options):
        body, ids = make_body(signal, count)
        answer = self.export(signal, body, **options)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text}"
        return ids


@dataclass
class Tally:
    """What became of the requests of a load. acked: identity -> when the OK came."""

    acked: dict = field(default_factory=dict)
    refused: list = field(default_factory=list)
    requests: int = 0


class Load:
    """Threads that send at a steady rate over their own connections until stopped.

    rate: requests per second over all connections; 0 = as fast as answers come. A refused request
    is noted and, when retryable, sent again as an SDK would, with a short back-off. instances: each
    connection is a resource with series of its own (make_request).
    """

    def __init__(self, endpoint, signals=("traces",), connections=4, rate=100.0, items=10,
                 item_bytes=96, retry=True, timeout=10.0, transparent=False, instances=False):
        self._endpoint = endpoint
        self._signals = signals
        self._interval = connections / rate if rate else 0.0
        self._items = items
        self._item_bytes = item_bytes
        self._retry = retry
        self._timeout = timeout
        self._transparent = transparent
        self._instances = instances
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.tallies = {signal: Tally() for signal in signals}
        self._threads = [threading.Thread(target=self._run, args=(index,), daemon=True)
                         for index in range(connections)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(self._timeout + 5)
            assert not thread.is_alive(), "a sender of the load hangs"

    @property
    def acked(self):
        """Identities acknowledged so far, over all signals."""
        with self._lock:
            return {number for tally in self.tallies.values() for number in tally.acked}

    def acked_after(self, moment, ids):
        """Whether one of the identities was acknowledged after the moment."""
        with self._lock:
            return any(tally.acked.get(number, 0) > moment
                       for tally in self.tallies.values() for number in ids)

    @property
    def refused(self):
        with self._lock:
            return [code for tally in self.tallies.values() for code in tally.refused]

    @property
    def requests(self):
        with self._lock:
            return sum(tally.requests for tally in self.tallies.values())

    def _run(self, index):
        with GrpcClient(self._endpoint, transparent=self._transparent) as client:
            due = time.monotonic() + self._interval * index / max(1, len(self._threads))
            turn = index
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                due = max(due + self._interval, time.monotonic() - 1.0)
                signal = self._signals[turn % len(self._signals)]
                turn += 1
                self._send(client, signal, f"client-{index}" if self._instances else "")

    def _send(self, client, signal, instance):
        body, ids = make_body(signal, self._items, self._item_bytes, instance)
        tally = self.tallies[signal]
        while True:
            code, details, _ = client.export(signal, body, timeout=self._timeout)
            with self._lock:
                tally.requests += 1
                if code is grpc.StatusCode.OK:
                    moment = time.monotonic()
                    tally.acked.update((number, moment) for number in ids)
                    return
                if not tally.refused:
                    print(f"load: first refusal of {signal}: {code.name}: {details}")
                tally.refused.append(code)
            if not self._retry or code not in RETRYABLE or self._stop.wait(0.1):
                return
