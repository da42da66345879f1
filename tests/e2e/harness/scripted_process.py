"""The process of a ScriptedBackend: it plays one real backend.

Runs apart from the test, so that it can be stopped and killed. One thread: requests are told apart
by their delays alone. Every answer is a line of JSON in a file before it leaves, with what was
stored. Takes commands on a pipe, each answered with one object.
"""

import asyncio
import base64
import contextlib
import gzip
import json
import os
import time
import zlib
from dataclasses import dataclass

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from harness.items import REQUESTS
from harness.real_answers import Profile
from harness.scripted_servers import GrpcServer, HttpServer
from harness.scripted_store import Sample, Script, parse, read_content


@dataclass(frozen=True)
class Setup:
    """What a scripted backend is for its life. protocol: http, grpc; answers: their file."""

    host: str
    port: int
    protocol: str
    profile: Profile
    answers: str


def read_json(signal, body):
    """OTLP/JSON has identities in hex where protobuf's JSON has base64."""

    def convert(pairs):
        return {name: base64.b64encode(bytes.fromhex(value)).decode()
                if name in ("traceId", "spanId", "parentSpanId") else value
                for name, value in pairs}

    fields = json.loads(body, object_pairs_hook=convert)
    return json_format.ParseDict(fields, REQUESTS[signal](), ignore_unknown_fields=True)


def decompress(body, codec):
    """zstd, snappy and lz4 are known by name only: the tests send gzip where data must arrive."""
    if codec == "gzip":
        return gzip.decompress(body)
    if codec in ("deflate", "zlib"):
        return zlib.decompress(body)
    return body


class Journal:
    """The file of answers; a line is one write, so a kill leaves whole lines."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, **fields):
        os.write(self._file, json.dumps(fields).encode() + b"\n")


class Player:
    """Answers requests as its script says."""

    def __init__(self, setup):
        self.script = Script(setup.profile, time.monotonic())
        self._journal = Journal(setup.answers)
        self._signals = setup.profile.paths
        self._turn = 0
        self._workers = None
        self.begun = self.checked = 0

    def set_trouble(self, trouble):
        self.script.set_trouble(trouble, time.monotonic())
        self._workers = asyncio.Semaphore(trouble.workers) if trouble.workers else None

    async def answer(self, request):
        """The answer, once a worker had time for the request."""
        begun = time.monotonic()
        self.begun += 1
        async with self._workers or contextlib.nullcontext():
            return await self._work(request, begun)

    async def _work(self, request, begun):
        profile = self.script.profile
        answer = self.script.refuse_head(request.path, request.headers)
        if answer:
            return self._say(request, begun, answer)
        signal = self._signals[request.path]
        try:
            content = read_content(signal, self._message(signal, request))
        except (DecodeError, ValueError, OSError, zlib.error, json_format.ParseError):
            return self._say(request, begun, profile.rubbish)
        if not content.ids:
            dry = self.script.trouble.read_only and not profile.read_only_spares_empty
            return self._say(request, begun, profile.read_only if dry else profile.empty)
        answer = self.script.refuse_data(content, time.monotonic())
        if answer:
            return self._say(request, begun, answer, content)
        return await self._store(request, begun, content)

    async def _store(self, request, begun, content):
        profile = self.script.profile
        await asyncio.sleep(self.script.wait(content, time.monotonic()))
        pause = self._pause(content) / 2
        await asyncio.sleep(pause)
        answer, good = self.script.check(content)
        self.checked += 1
        if answer and not profile.keeps_good:
            return self._say(request, begun, answer, content)
        await asyncio.sleep(pause)
        stored = self.script.commit(content, good)
        if answer is None:
            as_json = request.headers.get("content-type") == "application/json"
            answer = profile.json if as_json else profile.taken
        return self._say(request, begun, answer, content, stored)

    def _pause(self, content):
        trouble = self.script.trouble
        self._turn += 1
        pause = trouble.delays[self._turn % len(trouble.delays)] if trouble.delays else 0.0
        slow = dict(trouble.slow)
        return pause + sum(slow.get(resource, 0.0) for resource in content.resources)

    def _message(self, signal, request):
        body = decompress(request.body, request.headers.get("content-encoding", "identity"))
        if request.headers.get("content-type") == "application/json":
            return read_json(signal, body)
        return parse(signal, body)

    def _say(self, request, begun, answer, content=None, stored=()):
        self._journal.note(
            begun=begun, at=time.monotonic(), path=request.path,
            signal=self._signals.get(request.path, ""),
            codec=request.headers.get("content-encoding", "identity"),
            kind=request.headers.get("content-type", ""), status=answer.status, words=answer.words,
            ids=list(content.ids) if content else [], stored=list(stored),
            series=[[sample.series, sample.number, sample.value] for sample in content.samples]
            if content and self.script.profile.ordered else [],
            resources=list(content.resources) if content else [])
        return answer

    def remember(self, lines):
        """The series of an earlier life, from its answers."""
        for line in lines:
            stored = set(line["stored"])
            self.script.series.commit(Sample(*fields) for fields in line["series"]
                                      if fields[1] in stored)


async def run(setup, pipe):
    player = Player(setup)
    with open(setup.answers, encoding="utf-8") as file:
        player.remember(json.loads(line) for line in file)
    make = GrpcServer if setup.protocol == "grpc" else HttpServer
    server = make(setup, player)
    await server.open()
    commands = asyncio.Queue()
    asyncio.get_running_loop().add_reader(pipe.fileno(), receive, pipe, commands)
    pipe.send(server.port)
    while command := await commands.get():
        name, argument = command
        reply = None
        if name == "trouble":
            player.set_trouble(argument)
        elif name == "close":
            await server.close()
        elif name == "open":
            await server.open()
        elif name == "counters":
            reply = {"begun": player.begun, "checked": player.checked}
        pipe.send(reply or time.monotonic())


def receive(pipe, commands):
    try:
        commands.put_nowait(pipe.recv())
    except EOFError:
        commands.put_nowait(None)
        asyncio.get_running_loop().remove_reader(pipe.fileno())


def serve(setup, pipe):
    """The process, until the end of the pipe."""
    asyncio.run(run(setup, pipe))
