"""ScriptedBackend: a backend that answers as a real one does, in a process of its own.

What it stored and what it answered is on disk, and survives its death; what a real one would have
lost when it was killed does not count as stored.
"""

import json
import multiprocessing
import os
import signal
import tempfile
import time
from array import array
from collections import Counter
from dataclasses import dataclass, replace

from harness.loopback import loopback_address
from harness.real_answers import PROFILES
from harness.scripted_process import Setup, serve
from harness.scripted_store import NO_TROUBLE, Trouble
from harness.wait import wait_until

_spawn = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Answered:
    """One answer. Times are CLOCK_MONOTONIC: when the request was there, when the answer left."""

    begun: float
    at: float
    path: str
    signal: str
    codec: str
    kind: str
    status: int
    words: str
    ids: array
    stored: array
    resources: tuple

    def __str__(self):
        first = f"{min(self.ids)}..{max(self.ids)}" if self.ids else "empty"
        return (f"{self.begun:.3f} to {self.at:.3f}: {len(self.ids)} items {first}, "
                f"{len(self.stored)} stored, {self.status} {self.words}")


@dataclass(frozen=True)
class Arrived:
    """What harness.oracle and harness.records see of an answer: what is in the store."""

    at: float
    signal: str
    ids: array


class ScriptedBackend:
    """Listens from construction on. A method that changes it returns when that was done."""

    def __init__(self, profile, host=None, protocol="http", **trouble):
        self.profile = PROFILES[profile] if isinstance(profile, str) else profile
        self.name = self.profile.name
        folder = tempfile.mkdtemp(prefix=f"gapless-{self.name}-")
        self._setup = Setup(host or loopback_address(), 0, protocol, self.profile,
                            os.path.join(folder, "answers"))
        self.protocol = protocol
        open(self._setup.answers, "wb").close()
        self._at, self._answers = 0, []
        self._kills = []
        self._process = self._pipe = None
        self._frozen = False
        self.trouble = NO_TROUBLE
        self.start()
        if trouble:
            self.behave(**trouble)

    @property
    def address(self):
        return f"{self._setup.host}:{self._setup.port}"

    @property
    def endpoint(self):
        """As a user writes it for the exporter, without the scheme."""
        return self.address + (self.profile.base if self.protocol == "http" else "")

    # What it answered and stored.

    @property
    def answers(self):
        with open(self._setup.answers, "rb") as file:
            file.seek(self._at)
            data = file.read()
        whole = data.rfind(b"\n") + 1
        self._at += whole
        for line in data[:whole].splitlines():
            fields = json.loads(line)
            del fields["series"]
            for name in ("ids", "stored"):
                fields[name] = array("Q", fields[name])
            fields["resources"] = tuple(fields["resources"])
            self._answers.append(Answered(**fields))
        return self._answers

    @property
    def received(self):
        """Requests of which something is in the store."""
        return [Arrived(answer.at, answer.signal, answer.stored) for answer in self.answers
                if answer.stored and not self._forgotten(answer)]

    def _forgotten(self, answer):
        return any(killed - self.profile.forgets < answer.at <= killed for killed in self._kills)

    @property
    def forgotten(self):
        """Identities that were acknowledged and died with the process."""
        return {number for answer in self.answers if self._forgotten(answer)
                for number in answer.stored} - self.ids().keys()

    def ids(self, signal=None):
        """How often each identity was stored."""
        counts = Counter()
        for request in self.received:
            if signal is None or request.signal == signal:
                counts.update(request.ids)
        return counts

    def wait_for_ids(self, ids, timeout=10):
        wanted = set(ids)
        return wait_until(lambda: wanted <= self.ids().keys(), timeout,
                          lambda: f"{self.name} lacks {len(wanted - self.ids().keys())} items:\n"
                                  f"{self.story()}")

    def refused(self, *statuses):
        """Answers to data that were no success: all of them, or those with one of the statuses."""
        return [answer for answer in self.answers if answer.ids
                and (answer.status in statuses if statuses else answer.status != 200)]

    def counters(self):
        """Requests since the process started; checked: only the storing is left."""
        return self._ask("counters")

    def unstored(self):
        """Identities that it acknowledged with 200 and did not store."""
        return {number for answer in self.answers if answer.status == 200
                for number in set(answer.ids) - set(answer.stored)}

    def overlaps(self):
        """Pairs of requests with data of one resource that were there at the same time."""
        last, found = {}, []
        for answer in sorted(self.answers, key=lambda answer: answer.begun):
            for resource in answer.resources:
                before = last.get(resource)
                if before and before.at > answer.begun:
                    found.append((before, answer))
                if not before or answer.at > before.at:
                    last[resource] = answer
        return found

    def story(self, lines=200):
        """The last answers, for a failure's text."""
        return "\n".join(str(answer) for answer in self.answers[-lines:])

    # How it answers.

    def behave(self, **trouble):
        """From now on this trouble and no other; none: all is well."""
        self.trouble = Trouble(**trouble)
        return self._ask("trouble", self.trouble)

    # Ways to be gone, and back.

    def start(self):
        """A new process on the old address. It knows its series, as from a log of its own."""
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=serve, args=(self._setup, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._setup = replace(self._setup, port=self._pipe.recv())
        if self.trouble != NO_TROUBLE:
            self._ask("trouble", self.trouble)
        return time.monotonic()

    def kill(self):
        """The process dies, and with it what it had not yet written down."""
        now = time.monotonic()
        self._process.kill()
        self._process.join()
        self._kills.append(now)
        return now

    def close(self):
        """Answers what is there; then dials are refused. The process keeps what it has."""
        return self._ask("close")

    def open(self):
        return self._ask("open")

    def freeze(self):
        """The process stands still; the kernel goes on taking connections and bytes."""
        os.kill(self._process.pid, signal.SIGSTOP)
        self._frozen = True
        return time.monotonic()

    def thaw(self):
        os.kill(self._process.pid, signal.SIGCONT)
        self._frozen = False
        return time.monotonic()

    def destroy(self):
        if self._frozen:
            self.thaw()
        self._process.kill()
        self._process.join()

    def _ask(self, command, argument=None):
        self._pipe.send((command, argument))
        if not self._pipe.poll(20):
            raise AssertionError(f"{self.name} does not answer {command}")
        return self._pipe.recv()
