"""A run of a client program: what it made, what its SDK was told, and what arrived of it."""

import contextlib
import json
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from harness.items import REQUESTS, _points
from harness.wait import wait_until

RUN_TIMEOUT = 90


@dataclass(frozen=True)
class Export:
    """One call of an exporter. Times are Unix seconds; ok is what the SDK was told in the end."""

    signal: str
    items: tuple
    ok: bool
    error: str
    begin: float
    end: float


class Report:
    """The account of a run by identity: (signal, number of the item)."""

    def __init__(self, text):
        data = json.loads(text)
        self.produced = {(signal, item) for signal, count in data["produced"].items()
                         for item in range(count)}
        self.exports = [Export(**{**export, "items": tuple(export["items"])})
                        for export in data["exports"]]
        self.errors = data["errors"] or []

    def _items(self, ok):
        return {(export.signal, item) for export in self.exports if export.ok is ok
                for item in export.items}

    @property
    def acked(self):
        """What the SDK was told is stored."""
        return self._items(True)

    @property
    def failed(self):
        """What the SDK gave up, or was refused."""
        return self._items(False)

    @property
    def failures(self):
        """Failed exports of our items; SDKs also send metrics of their own."""
        return [export for export in self.exports if not export.ok and export.items]

    @property
    def words(self):
        """Everything that the SDK said about failures, for a look."""
        return "\n".join({*(export.error for export in self.failures), *self.errors})

    def story(self):
        """When what failed or took long was under way, in seconds since the first export."""
        start = min((export.begin for export in self.exports), default=0)
        return "\n".join(
            f"{one.begin - start:7.2f} to {one.end - start:5.2f} {one.signal}, "
            f"{len(one.items)} items, {'ok' if one.ok else 'failed'}"
            for one in self.exports if not one.ok or one.end - one.begin > 1)

    def whole(self):
        """Every item was exported: none was thrown away by a queue inside the SDK."""
        missing = self.produced - self.acked - self.failed
        assert not missing, f"{len(missing)} items never reached an exporter\n{self.words}"
        return self


class Run:
    """A started client program."""

    def __init__(self, client, front, **options):
        self.folder = Path(tempfile.mkdtemp(prefix="gapless-client-"))
        endpoint = front if isinstance(front, str) else endpoint_of(client, front)
        words = client.command() + ["--endpoint", endpoint]
        options.setdefault("signals", client.signals)
        options["signals"] = ",".join(options["signals"])
        words += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._out = self.folder / "out"
        self._err = self.folder / "err"
        with open(self._out, "wb") as out, open(self._err, "wb") as err:
            self.process = subprocess.Popen(words, stdout=out, stderr=err, cwd=self.folder)

    @property
    def running(self):
        return self.process.poll() is None

    def report(self, timeout=RUN_TIMEOUT):
        """Waits for its end."""
        status = self.process.wait(timeout)
        said = self._err.read_text(errors="replace")
        assert status == 0, f"the client ended with {status}:\n{said[-4000:]}"
        report = Report(self._out.read_text().splitlines()[-1])
        print(f"--- client: {len(report.acked)} acknowledged, {len(report.failed)} failed in "
              f"{len(report.failures)} of {len(report.exports)} exports\n{report.story()}\n"
              f"{report.words[:3000]}")
        return report

    def destroy(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def endpoint_of(client, front):
    """host:port of a Collector for this client."""
    return front.grpc if client.grpc else f"{front.host}:4318"


def _attributes(signal, body):
    """The attributes of every item of a request."""
    request = REQUESTS[signal].FromString(body)
    if signal == "traces":
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                yield from (span.attributes for span in scope.spans)
    elif signal == "logs":
        for resource in request.resource_logs:
            for scope in resource.scope_logs:
                yield from (record.attributes for record in scope.log_records)
    else:
        for resource in request.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    yield from (point.attributes for point in _points(metric))


class Arrived:
    """How often each item of a run is on some backends (keep_bodies=True)."""

    def __init__(self, *backends):
        self._backends = backends
        self._seen = [0] * len(backends)
        self._counts = Counter()

    def counts(self):
        for index, backend in enumerate(self._backends):
            received = backend.received
            for request in received[self._seen[index]:]:
                for attributes in _attributes(request.signal, request.body):
                    self._counts.update((request.signal, pair.value.int_value)
                                        for pair in attributes if pair.key == "item")
            self._seen[index] = len(received)
        return self._counts

    def wait_for_more(self, count, run, timeout=30):
        """Until so many more items are there, or the client has ended."""
        wanted = len(self.counts()) + count
        wait_until(lambda: len(self.counts()) >= wanted or not run.running, timeout,
                   f"{count} more items at the backend")

    def wait_for(self, items, timeout=15):
        """Until all of the items are there."""
        wait_until(lambda: items <= self.counts().keys(), timeout,
                   lambda: f"{len(items - self.counts().keys())} of {len(items)} acknowledged "
                           "items never arrived")


@dataclass(frozen=True)
class Verdict:
    """What became of a run. Sets of (signal, item)."""

    report: Report
    arrived: Counter

    @property
    def lost(self):
        return self.report.produced - self.arrived.keys()

    @property
    def broken(self):
        """Acknowledged, and lost all the same: a broken promise."""
        return self.report.acked - self.arrived.keys()

    @property
    def twice(self):
        return self.arrived.total() - len(self.arrived)

    @property
    def flawless(self):
        return not (self.report.failed or self.lost or self.twice)

    def figures(self):
        report = self.report
        return (len(report.produced), len(report.acked), len(report.failed), len(self.lost),
                len(self.broken), self.twice)


def judge(run, arrived, timeout=15):
    """Waits for the end of the client and for everything that it was promised. What a stock
    Collector promises is not waited for: see judge_peer."""
    report = run.report().whole()
    arrived.wait_for(report.acked, timeout)
    return Verdict(report, arrived.counts())


def judge_peer(run, arrived, seconds=5):
    """The same for a peer, which may have broken its promises: nothing fails."""
    report = run.report().whole()
    with contextlib.suppress(AssertionError):
        arrived.wait_for(report.acked, seconds)
    return Verdict(report, arrived.counts())
