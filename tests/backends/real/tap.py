"""Tap: a TCP hop in front of a backend, in a process of its own, that keeps every answer.

What the backend acknowledged is known even where it then loses it. Bytes pass unchanged in both
directions; the tap listens only while the backend does, so a dial is refused when it would be.
"""

import asyncio
import contextlib
import json
import multiprocessing
import time
from collections import Counter
from dataclasses import dataclass

from harness.items import METHODS, PATHS
from real.http1 import Http1, inflate
from real.http2 import PREFACE, Http2
from real.points import read_ids

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Answer:
    """asked, at: when the request had passed, and the answer; CLOCK_MONOTONIC. status: of HTTP or
    gRPC. ids: what the request carried."""

    asked: float
    at: float
    status: int
    ok: bool
    words: str
    path: str
    size: int
    ids: list


def _signal_of(path):
    for table in (METHODS, PATHS):
        for signal, end in table.items():
            if path.endswith(end):
                return signal
    return None


def _describe(exchange):
    """The answer as a line of JSON."""
    ids = []
    signal = _signal_of(exchange.path)
    body = inflate(exchange.body, exchange.headers.get("content-encoding"))
    if signal and body:
        with contextlib.suppress(ValueError, KeyError):
            ids = read_ids(signal, body, "json" in exchange.headers.get("content-type", ""))
    ok = exchange.status == 0 if exchange.grpc else 200 <= exchange.status < 300
    return json.dumps({"asked": exchange.asked, "at": time.monotonic(),
                       "status": exchange.status, "ok": ok,
                       "words": exchange.words, "path": exchange.path,
                       "size": len(exchange.body), "ids": ids}) + "\n"


class _Server:
    """Runs in the tap's process."""

    def __init__(self, here, there, record):
        self._here, self._there = here, there
        self._record = open(record, "a", buffering=1)  # one line per write
        self._listener = None
        self._open = set()

    async def listen(self):
        self._listener = await asyncio.start_server(self._accept, *self._here, backlog=512)
        return self._listener.sockets[0].getsockname()[1]

    async def shut(self):
        """Refuses dials and resets every connection."""
        if self._listener:
            self._listener.close()
            self._listener = None
        for writer in list(self._open):
            writer.transport.abort()

    def _done(self, exchange):
        self._record.write(_describe(exchange))

    async def _accept(self, reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._there)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        tap = []

        def from_client(data):
            if not tap:
                tap.append((Http2 if PREFACE.startswith(data[:14]) else Http1)(self._done))
            tap[0].from_client(data)

        await asyncio.gather(self._pump(reader, far_writer, from_client),
                             self._pump(far_reader, writer,
                                        lambda data: tap and tap[0].from_server(data)))
        self._open -= {writer, far_writer}

    async def _pump(self, reader, writer, look):
        try:
            while data := await reader.read(65536):
                look(data)
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):
            writer.transport.abort()


def _serve(here, there, record, pipe):
    async def run():
        server = _Server(here, there, record)
        loop = asyncio.get_running_loop()
        while True:
            command = await loop.run_in_executor(None, pipe.recv)
            if command == "listen":
                pipe.send(await server.listen())
            else:
                await server.shut()
                pipe.send(None)

    with contextlib.suppress(EOFError, KeyboardInterrupt):
        asyncio.run(run())


class Tap:
    """here, there: (host, port) to listen on and to pass on to."""

    def __init__(self, here, there, record):
        self._record = record
        self._read_to = 0
        self._answers = []
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=_serve, args=(here, there, str(record), theirs),
                                       daemon=True)
        self._process.start()
        theirs.close()

    def _ask(self, command):
        self._pipe.send(command)
        assert self._pipe.poll(20), f"the tap does not answer {command}"
        return self._pipe.recv()

    def listen(self):
        return self._ask("listen")

    def shut(self):
        self._ask("shut")

    @property
    def answers(self):
        """Every answer so far."""
        if self._record.exists():
            with self._record.open("rb") as file:
                file.seek(self._read_to)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._read_to += len(whole)
            self._answers += [Answer(**json.loads(line)) for line in whole.splitlines()]
        return self._answers

    def acknowledged(self):
        """How often the backend acknowledged each item."""
        counts = Counter()
        for answer in self.answers:
            if answer.ok:
                counts.update(answer.ids)
        return counts

    def overlaps(self, resource_of):
        """How many requests were sent while another one with data of the same resource had not been
        answered yet. resource_of: identity -> resource."""
        count, free_at = 0, {}
        for answer in sorted(self.answers, key=lambda answer: answer.asked):
            resources = {resource_of[number] for number in answer.ids if number in resource_of}
            count += any(free_at.get(resource, 0) > answer.asked for resource in resources)
            for resource in resources:
                free_at[resource] = max(free_at.get(resource, 0), answer.at)
        return count

    def refusals(self):
        """How often each answer but OK came: (status, words) -> times."""
        return Counter((answer.status, answer.words) for answer in self.answers if not answer.ok)

    def destroy(self):
        self._process.kill()
        self._process.join()
