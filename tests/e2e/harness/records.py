"""What a backend received, on disk: a backend that is killed must not take its evidence with it."""

import os
import struct
from array import array
from collections import Counter
from dataclasses import dataclass

from harness.items import SIGNALS

_HEAD = struct.Struct("<dBII")


@dataclass(frozen=True)
class Received:
    """A request that was answered with OK. `at` is CLOCK_MONOTONIC, the same in all processes."""

    at: float
    signal: str
    ids: array
    body: bytes


class RecordWriter:
    """One write per request, so that concurrent writers and a kill leave whole records."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, at, signal, ids, body):
        head = _HEAD.pack(at, SIGNALS.index(signal), len(ids), len(body))
        os.write(self._file, head + ids.tobytes() + body)


class RecordReader:
    """Follows the file of a backend."""

    def __init__(self, path):
        self._path = path
        self._at = 0
        self._all = []

    def read(self):
        if not os.path.exists(self._path):
            return self._all
        with open(self._path, "rb") as file:
            file.seek(self._at)
            data = file.read()
        at = 0
        while at + _HEAD.size <= len(data):
            when, signal, count, size = _HEAD.unpack_from(data, at)
            end = at + _HEAD.size + 8 * count + size
            if end > len(data):
                break
            ids = array("Q")
            ids.frombytes(data[at + _HEAD.size : at + _HEAD.size + 8 * count])
            body = data[end - size : end]
            self._all.append(Received(when, SIGNALS[signal], ids, body))
            at = end
        self._at += at
        return self._all

    def forget(self, since):
        """What came since then is taken out and returned: a backend that dies takes along what it
        had answered with OK and not yet written."""
        lost = [request for request in self.read() if request.at >= since]
        self._all = [request for request in self._all if request.at < since]
        return lost


def count_ids(received, signal=None):
    """How often each identity was received."""
    counts = Counter()
    for request in received:
        if signal is None or request.signal == signal:
            counts.update(request.ids)
    return counts
