"""Stage: a collector with a backend and a neighbour, a well-behaved client, while attackers run.

Attackers and the neighbour are processes of their own, so that none of them slows another inside
one interpreter.
"""

import multiprocessing
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from harness.collector import Collector
from harness.configs import pass_through
from harness.items import make_body
from harness.load import GrpcClient
from harness.oracle import nothing_lost
from harness.wait import wait_until

MIB = 1 << 20
_spawn = multiprocessing.get_context("spawn")
# Of cgroup version 1 or 2, where this process may make groups of its own.
CGROUPS = ((Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
           (Path("/sys/fs/cgroup"), "memory.max"))


def make_cgroup(limit):
    """A memory cgroup of that many bytes; None where the system does not let us have one."""
    for root, file in CGROUPS:
        folder = root / f"gapless-attacks-{os.getpid()}-{time.monotonic_ns()}"
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / file).write_text(str(limit))
            return folder
        except OSError:
            folder.rmdir()
    return None


class Confined(Collector):
    """A collector in a cgroup, or with a hard limit of descriptors."""

    def __init__(self, *texts, cgroup=None, descriptors=None, **options):
        self._cgroup = cgroup
        self._descriptors = descriptors
        super().__init__(*texts, **options)

    def program(self):
        words = super().program()
        if self._descriptors:
            words = ["sh", "-c", f'ulimit -n {self._descriptors} && exec "$0" "$@"', *words]
        if not self._cgroup:
            return words
        script = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
        return ["sh", "-c", script, str(self._cgroup), *words]


@dataclass
class Neighbour:
    """What a well-behaved client saw: when each request was due, seconds until its answer, code."""

    answers: list = field(default_factory=list)
    acked: list = field(default_factory=list)

    def between(self, begin, end):
        return [answer for answer in self.answers if begin <= answer[0] < end]

    def p99(self, begin, end):
        delays = sorted(delay for _, delay, _ in self.between(begin, end))
        return delays[int(len(delays) * 0.99)] if delays else float("inf")


def _neighbour(endpoint, rate, connections, item_bytes, stop, pipe):
    """Sends at a steady rate over a few connections; a request that is late does not make the
    following ones late."""
    seen = Neighbour()
    lock = threading.Lock()

    def run(index):
        with GrpcClient(endpoint) as client:
            due = time.monotonic() + index / rate
            while not stop.is_set():
                time.sleep(max(0.0, due - time.monotonic()))
                body, ids = make_body("traces", 1, item_bytes)
                code, details, _ = client.export("traces", body, timeout=5)
                with lock:
                    seen.answers.append((due, time.monotonic() - due, f"{code.name} {details}"))
                    if code.name == "OK":
                        seen.acked.extend(ids)
                due += connections / rate

    threads = [threading.Thread(target=run, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(seen)


class Stage:
    RATE = 100.0

    def __init__(self, *backends, config=None, timing=True, memory=None, descriptors=None,
                 limit=None, exporter=None):
        """config: the collector's; without it everything goes to the one backend. limit:
        service::limits::memory. exporter: keys of the exporter."""
        self.backends = backends
        self._timing = timing
        self.cgroup = make_cgroup(memory) if memory else None
        limits = [yaml.safe_dump({"service": {"limits": {"memory": limit}}})] if limit else []
        self.collector = Confined(config or pass_through(*backends, **(exporter or {})), *limits,
                                  cgroup=self.cgroup, descriptors=descriptors)
        self._processes = []

    @property
    def backend(self):
        return self.backends[0]

    # What the process holds.

    def _status(self, name):
        with open(f"/proc/{self.collector.process.pid}/status", encoding="ascii") as status:
            line = next(line for line in status if line.startswith(name))
        return int(line.split()[1]) * 1024

    def resident(self):
        return self._status("VmRSS")

    def peak(self):
        return self._status("VmHWM")

    def held(self, *uses):
        """Bytes that count against service::limits::memory: for these uses, or for all."""
        name = "gapless_memory_held_bytes"
        return (sum(self.collector.metric(name, use=use) for use in uses) if uses
                else self.collector.metric(name))

    def limit(self):
        """service::limits::memory as it is applied."""
        return self.collector.metric("gapless_memory_limit_bytes")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.collector.process.pid}/fd"))

    def refused(self, what, reason):
        """The counter of refused requests or connections."""
        return self.collector.metric(f"otelcol_receiver_refused_{what}", reason=reason)

    # The play.

    def attack(self, function, *args):
        """Runs it in a process of its own until the stage ends it, or it ends."""
        return self._run(function, self.collector.grpc, self.collector.http[7:], *args)

    def _run(self, function, *args):
        process = _spawn.Process(target=function, daemon=True, args=args)
        process.start()
        self._processes.append(process)
        return process

    def play(self, function, *args, attackers=1, seconds=8.0, calm=2.0, extra=64 * MIB,
             timing=True, item_bytes=96, plot=None, files=2):
        """The neighbour alone, then beside the attackers, and what must hold in the end. extra:
        resident bytes that the attack may cost at most. With timing, the neighbour keeps 90 % of
        its throughput without errors, and its p99 stays below ten times that without an attack.
        item_bytes: of each request of the neighbour. plot: seconds after the beginning of the
        attack -> what happens to the backends then. files: so many descriptors may be open
        afterwards beyond those before."""
        stop = _spawn.Event()
        ours, theirs = _spawn.Pipe(duplex=False)
        neighbour = self._run(_neighbour, self.collector.grpc, self.RATE, 4, item_bytes, stop,
                              theirs)
        wait_until(lambda: self.collector.metric("otelcol_receiver_accepted_spans") > 20, 30,
                   "the neighbour's first requests")
        begin = time.monotonic()
        time.sleep(calm)
        before, files = self.resident(), self.descriptors() + files
        attack = time.monotonic()
        for _ in range(attackers):
            self.attack(function, *args)
        end = attack + seconds
        acts = sorted((plot or {}).items())
        while time.monotonic() < end:
            assert self.collector.running, f"it died\n{self.collector.log_tail()}"
            while acts and time.monotonic() >= attack + acts[0][0]:
                acts.pop(0)[1]()
            time.sleep(0.05)
        peak = self.peak() - before
        for process in self._processes[-attackers:]:
            process.kill()
            process.join()
        stop.set()
        seen = ours.recv()
        neighbour.join()
        self._judge(seen, begin, attack, end, timing and self._timing)
        print(f"peak {peak / MIB:.0f} MiB above {before / MIB:.0f} MiB")
        assert peak <= extra, f"{peak / MIB:.0f} MiB, {extra / MIB:.0f} MiB are allowed"
        self._settles(before, files)
        nothing_lost(seen.acked, *self.backends, timeout=60)
        return seen

    def _judge(self, seen, begin, attack, end, timing):
        calm, during = seen.between(begin, attack), seen.between(attack, end)
        good = [answer for answer in during if answer[2].startswith("OK")]
        bad = sorted({answer[2] for answer in during if answer not in good})
        wanted = self.RATE * (end - attack)
        p99 = seen.p99(begin, attack), seen.p99(attack, end)
        print(f"neighbour: {len(good)} of {wanted:.0f} requests, p99 {p99[0] * 1e3:.1f} ms, "
              f"{p99[1] * 1e3:.1f} ms beside the attack, errors {bad[:3]}")
        assert calm and good, "the neighbour got nothing through"
        if timing:
            assert not bad, f"the neighbour saw {bad[:3]}"
            assert len(good) >= 0.9 * wanted
            # Less than this is the noise of a machine with two cores.
            assert p99[1] <= max(10 * p99[0], 0.1)

    def _settles(self, before, files):
        """Memory and descriptors return."""
        wait_until(lambda: self.descriptors() <= files, 15,
                   lambda: f"{self.descriptors()} descriptors, {files} are allowed")
        # What the allocator may keep: the process looks every ten seconds.
        wait_until(lambda: self.resident() <= before + 80 * MIB, 25,
                   lambda: f"{self.resident() / MIB:.0f} MiB, {before / MIB:.0f} before")

    def told(self, *words):
        """One line says it, and not again and again."""
        lines = wait_until(lambda: self.collector.lines_with(*words), 10, f"a line with {words}")
        assert len(lines) <= 12, f"{len(lines)} lines about one cause"

    def destroy(self):
        for process in self._processes:
            if process.is_alive():
                process.kill()
            process.join()
        print(f"--- log of the collector\n{self.collector.log_tail(60)}")
        self.collector.destroy()
        if self.cgroup:
            wait_until(self._remove_cgroup, 5, "the cgroup to be empty")

    def _remove_cgroup(self):
        try:
            self.cgroup.rmdir()
        except OSError:
            return False
        return True
