"""Backend: an independent OTLP server in its own process, and every way in which it can be gone."""

import errno
import multiprocessing
import os
import resource
import select
import signal
import socket
import tempfile
import time
from dataclasses import replace

from harness.backend_process import Behaviour, Setup, serve
from harness.loopback import loopback_address
from harness.records import RecordReader, count_ids
from harness.wait import wait_until

_spawn = multiprocessing.get_context("spawn")
OK = Behaviour()


class Backend:
    """Listens from construction on. Times are CLOCK_MONOTONIC; a method that takes it away or
    brings it back returns when that was done."""

    def __init__(self, name="backend", protocol="grpc", host=None, port=0, tls=None,
                 keep_bodies=False, max_bytes=64 << 20):
        folder = tempfile.mkdtemp(prefix=f"gapless-{name}-")
        self.name = name
        self._records = os.path.join(folder, "received")
        self._reader = RecordReader(self._records)
        self._setup = Setup(host or loopback_address(), port, protocol, self._records, tls,
                            keep_bodies, max_bytes)
        self._process = self._pipe = None
        self._stopped = False
        self._fillers = []
        self.start()

    @property
    def endpoint(self):
        return f"{self._setup.host}:{self._setup.port}"

    @property
    def port(self):
        return self._setup.port

    @property
    def protocol(self):
        return self._setup.protocol

    # What arrived.

    @property
    def received(self):
        return self._reader.read()

    def ids(self, signal=None):
        return count_ids(self.received, signal)

    def first_after(self, moment, signal=None):
        """The first request that came after the moment; None if there is none yet."""
        for request in self.received:
            if request.at > moment and (signal is None or request.signal == signal):
                return request
        return None

    def wait_for_ids(self, ids, timeout=10):
        """Until every identity has arrived."""
        wanted = set(ids)
        return wait_until(lambda: wanted <= self.ids().keys(), timeout,
                          lambda: f"{self.name} lacks {len(wanted - self.ids().keys())} items")

    def counters(self):
        return self._ask("counters")

    # How it answers.

    def behave(self, code="OK", delay=0.0, retry_after=0.0, poison=()):
        self._ask("behave", Behaviour(code, delay, retry_after, frozenset(poison)))
        return time.monotonic()

    # Ways to be gone, and back.

    def start(self):
        """A new process on the old address."""
        self._pipe, theirs = _spawn.Pipe()
        self._process = _spawn.Process(target=serve, args=(self._setup, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self._setup = replace(self._setup, port=self._pipe.recv())
        return time.monotonic()

    def kill(self):
        """The process dies; connections are reset, dials are refused."""
        now = time.monotonic()
        self._process.kill()
        self._process.join()
        return now

    def kill_and_forget(self, seconds):
        """Dies as a store that writes behind: what it took in these last seconds is gone.
        Returns its identities."""
        now = self.kill()
        return set(count_ids(self._reader.forget(now - seconds)))

    def close(self):
        """The process stays, its server is gone: dials are refused."""
        now = time.monotonic()
        self._ask("close")
        return now

    def open(self):
        self._ask("open")
        return time.monotonic()

    def blackhole(self, fill_backlog=True):
        """The process stands still: no byte is read. With a full accept backlog not even a dial is
        answered, as behind a firewall that drops."""
        now = time.monotonic()
        os.kill(self._process.pid, signal.SIGSTOP)
        self._stopped = True
        if fill_backlog:
            self._fill_backlog()
        return now

    def unblackhole(self):
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        os.kill(self._process.pid, signal.SIGCONT)
        self._stopped = False
        return time.monotonic()

    def _fill_backlog(self):
        """Dials until one hangs: the kernel's queue of accepted connections is full then."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
        address = (self._setup.host, self._setup.port)
        for _ in range(20000):
            dial = socket.socket()
            dial.setblocking(False)
            self._fillers.append(dial)
            if dial.connect_ex(address) not in (0, errno.EINPROGRESS):
                raise AssertionError("the backlog filler could not dial")
            poll = select.poll()
            poll.register(dial, select.POLLOUT)
            if not poll.poll(50):
                return
        raise AssertionError("the accept backlog never filled")

    # The end.

    def destroy(self):
        if self._stopped:
            os.kill(self._process.pid, signal.SIGCONT)
        for filler in self._fillers:
            filler.close()
        self._process.kill()
        self._process.join()

    def _ask(self, command, argument=None):
        self._pipe.send((command, argument))
        if not self._pipe.poll(20):
            raise AssertionError(f"{self.name} does not answer {command}")
        return self._pipe.recv()
