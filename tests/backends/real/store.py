"""Store: a real backend as a process, every way to take it away, and what it holds afterwards."""

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import requests

from harness.loopback import accepts, loopback_address
from harness.wait import wait_until
from real.builds import program
from real.tap import Tap

START_SECONDS = 60


class Store:
    """What every backend has in common. It does not listen before start().

    Subclasses say: program_name, signal, port (of ingestion), ready_url, command(), stored().
    """

    program_name = signal = None
    port = 0

    def __init__(self, folder, label, **options):
        self.label = label
        self.folder = Path(folder) / label
        self.folder.mkdir(parents=True)
        self.data = Path(options.pop("data", self.folder / "data"))
        self.data.mkdir(exist_ok=True)
        self.host = loopback_address()
        self.options = options
        self.process = None
        self.events = []  # (CLOCK_MONOTONIC, what was done to it)
        self._frozen = False
        self._here = (loopback_address(), self.port)
        self.tap = Tap(self._here, (self.host, self.port), self.folder / "answers")
        self.setup()

    # What a subclass gives.

    def setup(self):
        """Writes configuration files, once."""

    def command(self):
        """Arguments behind the program."""
        raise NotImplementedError

    def stored(self):
        """How often the backend holds each item, by its own query API."""
        raise NotImplementedError

    @property
    def ready_url(self):
        return f"{self.url}/health"

    # Addresses.

    @property
    def url(self):
        """Of the backend itself, for queries."""
        return f"http://{self.host}:{self.port}"

    @property
    def endpoint(self):
        """host:port where gapless sends to: the tap."""
        return f"{self._here[0]}:{self._here[1]}"

    # Life.

    def _note(self, what):
        self.events.append((time.monotonic(), what))

    def start(self):
        """Returns when it is ready."""
        self._note("start")
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen([program(self.program_name), *map(str, self.command())],
                                        stdout=log, stderr=log, cwd=self.folder)
        wait_until(lambda: self.accepts() or self.fail_if_dead(), START_SECONDS, self.log_tail)
        self.tap.listen()
        wait_until(lambda: self.ready() or self.fail_if_dead(), START_SECONDS, self.log_tail)
        self._note("ready")

    def accepts(self):
        return accepts(f"{self.host}:{self.port}")

    def ready(self):
        try:
            return requests.get(self.ready_url, timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def fail_if_dead(self):
        assert self.process.poll() is None, f"{self.label} ended at once:\n{self.log_tail()}"

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9: connections are reset, dials refused."""
        self._note("kill")
        self.process.kill()
        self.process.wait()
        self.tap.shut()

    def stop(self):
        """SIGTERM and its end."""
        self._note("stop")
        self.process.terminate()
        self.process.wait(60)
        self.tap.shut()

    def freeze(self):
        self._note("freeze")
        os.kill(self.process.pid, signal.SIGSTOP)
        self._frozen = True

    def thaw(self):
        self._note("thaw")
        os.kill(self.process.pid, signal.SIGCONT)
        self._frozen = False

    def taken_while_ending(self):
        """What it acknowledged after it had been told to end: Prometheus answers 200 then, and may
        not keep it."""
        ids = set()
        for at, what in self.events:
            if what == "stop":
                ids.update(number for answer in self.tap.answers for number in answer.ids
                           if answer.ok and at <= answer.at < at + START_SECONDS
                           and not self._ready_between(at, answer.at))
        return ids

    def _ready_between(self, begin, end):
        return any(what == "ready" and begin < at < end for at, what in self.events)

    def destroy(self):
        if self.process and self.process.poll() is None:
            if self._frozen:
                self.thaw()
            self.process.kill()
            self.process.wait()
        self.tap.destroy()

    def log_tail(self, lines=30):
        text = (self.folder / "log").read_text(errors="replace")
        return f"{self.label}: " + "\n".join(text.splitlines()[-lines:])

    # Its own query API.

    def ask(self, path, method="GET", headers=None, **query):
        answer = requests.request(method, self.url + path, params=query, headers=headers,
                                  timeout=60)
        answer.raise_for_status()
        return answer

    def holds(self):
        """stored(), or nothing while it is dead."""
        return self.stored() if self.alive and not self._frozen else Counter()


def away(seconds):
    """The time for which something is gone."""
    time.sleep(seconds)
