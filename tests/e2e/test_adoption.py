"""A reload that takes up a journal with much data leaves everybody else alone."""

import signal
import statistics
import threading
import time

import grpc
import pytest
import yaml

from harness.collector import SLOWNESS
from harness.configs import durable, exporter, pass_through
from harness.items import METHODS, make_body
from harness.load import channel_to
from harness.wait import wait_until

MB = 1 << 20
NAME = "exporter_otlp_only_traces.journal"
QUEUE = {"sending_queue": {"queue_size": 100_000_000}}
SIZES = [pytest.param(64 * MB, id="64MB"),
         pytest.param(2048 * MB, id="2GB", marks=pytest.mark.long)]


def fill(endpoint, total, request_bytes):
    """Sends requests of that size, many at once, until `total` is acknowledged; how many."""
    body, _ = make_body("traces", max(1, request_bytes // 200))
    count = total // len(body)
    room = threading.Semaphore(256)
    refused = []

    def answered(future):
        room.release()
        if future.code() is not grpc.StatusCode.OK:
            refused.append(future.details())

    channels = [channel_to(endpoint) for _ in range(4)]
    calls = [channel.unary_unary(METHODS["traces"]) for channel in channels]
    for index in range(count):
        room.acquire()
        calls[index % len(calls)].future(body, timeout=60).add_done_callback(answered)
    for _ in range(256):
        room.acquire()
    for channel in channels:
        channel.close()
    assert not refused, f"{len(refused)} refused: {refused[0]}"
    return count


class Probe:
    """Small requests at fixed times, whatever becomes of the ones before, and how late each answer
    was after its time."""

    INTERVAL = 0.005

    def __init__(self, endpoint):
        self.answers = []  # (time, seconds)
        self.failures = []
        self._channel = channel_to(endpoint)
        self._call = self._channel.unary_unary(METHODS["traces"])
        self._body, _ = make_body("traces", 1)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        due = time.monotonic()
        while not self._ending.is_set():
            self._call.future(self._body, timeout=30).add_done_callback(
                lambda future, due=due: self._answered(future, due))
            due += self.INTERVAL
            time.sleep(max(0.0, due - time.monotonic()))

    def _answered(self, future, due):
        if future.code() is not grpc.StatusCode.OK:
            self.failures.append(future.details())
        self.answers.append((due, time.monotonic() - due))

    def percentile(self, begin, end):
        """(p99, worst, count) of those that were due in the time, milliseconds."""
        times = [taken * 1000 for due, taken in self.answers if begin <= due <= end]
        return statistics.quantiles(times, n=100)[98], max(times), len(times)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending.set()
        self._thread.join()
        time.sleep(0.2)  # what is under way
        self._channel.close()


def before(live):
    """A queue of its own."""
    return {"exporters": {"otlp/live": exporter(live)},
            "service": {"pipelines": {
                "traces": {"receivers": ["otlp"], "exporters": ["otlp/live"]}}}}


def after(live, dead, store, host):
    """The same, and beside it the queue with the journal: of the same signal, so on one loop."""
    config = yaml.safe_load(durable(pass_through(dead, ("traces",), **QUEUE), store))
    config["exporters"]["otlp/live"] = exporter(live)
    config["receivers"] = {"otlp/beside": {"protocols": {"grpc": {"endpoint": f"{host}:4319"}}}}
    config["service"]["pipelines"] = {
        **before(live)["service"]["pipelines"],
        "traces/beside": {"receivers": ["otlp/beside"], "exporters": ["otlp/only"]}}
    return yaml.safe_dump(config)


@pytest.fixture
def backends(make_backend):
    live, dead = make_backend("live"), make_backend("dead")
    dead.kill()
    return live, dead


@pytest.fixture
def filled(backends, make_collector, tmp_path):
    """Makes a journal of so many bytes; how many records it has."""
    def make(total, request_bytes):
        text = durable(pass_through(backends[1], ("traces",), **QUEUE), tmp_path, fsync=False)
        collector = make_collector(text)
        count = fill(collector.grpc, total, request_bytes)
        assert collector.stop() == 0
        return count
    return make


@pytest.mark.heavy
@pytest.mark.parametrize("total", SIZES)
@pytest.mark.parametrize("request_bytes", [4096, 65536])
def test_while_a_reload_adopts_a_full_journal_nobody_else_waits(
        backends, filled, make_collector, tmp_path, total, request_bytes):
    count = filled(total, request_bytes)
    collector = make_collector(yaml.safe_dump(before(backends[0])))
    slowest = [0.0]

    def pending():
        began = time.monotonic()
        queues = collector.ask_admin("GET", "/status").json()["queues"]
        slowest[0] = max(slowest[0], time.monotonic() - began)
        return sum(queue["backlog"]["requests"] for queue in queues
                   if queue["exporter"] == "otlp/only")

    with Probe(collector.grpc) as probe:
        begin = time.monotonic()
        time.sleep(2)
        reload = time.monotonic()
        collector.write_config("config0", after(*backends, tmp_path, collector.host))
        collector.reload()
        wait_until(lambda: pending() == count, 60 * SLOWNESS, "the journal to be adopted")
        adopted = time.monotonic()
        time.sleep(2)
        end = time.monotonic()
    took = collector.lines_with("reload complete")[0].fields["took"]
    quiet, busy = probe.percentile(begin, reload), probe.percentile(reload, end)
    print(f"\n{count} requests, adopted in {adopted - reload:.2f} s (took: {took}); p99, worst, "
          f"count: before {quiet}, then {busy}; the slowest answer of the admin API "
          f"{slowest[0] * 1000:.0f} ms")
    assert probe.failures == []
    assert busy[0] < 50 * SLOWNESS, "the other queue waited"
    assert slowest[0] < 1 * SLOWNESS, "the admin API waited"
    assert collector.stop() == 0


@pytest.mark.heavy
@pytest.mark.parametrize("total", SIZES)
def test_signals_while_a_journal_is_being_adopted(
        backends, filled, make_collector, tmp_path, total):
    filled(total, 65536)
    collector = make_collector(yaml.safe_dump(before(backends[0])))
    text = after(*backends, tmp_path, collector.host)
    # A second one waits for the first, and finds everything as it is.
    collector.write_config("config0", text)
    collector.reload()
    wait_until(lambda: collector.lines_with("Reading the configuration again"), 10, "the reload")
    collector.reload()
    wait_until(lambda: len(collector.lines_with("reload complete")) == 2, 60 * SLOWNESS,
               "two reloads")
    first, second = collector.lines_with("reload complete")
    assert "queue otlp/only (traces)" in first.fields["started"]
    assert "queue otlp/only (traces)" in second.fields["kept"]
    assert collector.stop() == 0
    # The end comes at once.
    collector.write_config("config0", yaml.safe_dump(before(backends[0])))
    collector.start()
    collector.write_config("config0", text)
    read = len(collector.lines_with("Reading the configuration again"))
    collector.reload()
    wait_until(lambda: len(collector.lines_with("Reading the configuration again")) > read, 10,
               "the reload")
    began = time.monotonic()
    collector.signal(signal.SIGTERM)
    assert collector.wait_for_exit(30) == 0
    took = time.monotonic() - began
    print(f"\nit ended within {took:.2f} s")
    assert took < 5 * SLOWNESS
