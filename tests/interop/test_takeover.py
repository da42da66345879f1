"""The queue of a real Collector, killed in an outage: gapless goes on with it, and back again."""

import random
import signal
import subprocess
import time

import pytest
import tools

from harness.collector import run_cli
from harness.configs import durable, failover, pass_through
from harness.items import SIGNALS
from harness.load import GrpcClient
from harness.loopback import loopback_address
from harness.wait import wait_until

REAL = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "{address}:4317"}}}}}}}}
extensions: {{file_storage: {{directory: "{folder}"}}}}
exporters:
  otlp/{name}:
    endpoint: "{target}"
    tls: {{insecure: true}}
    retry_on_failure: {{initial_interval: 200ms}}
    sending_queue: {{storage: file_storage, queue_size: 100000}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp/{name}]}}
    metrics: {{receivers: [otlp], exporters: [otlp/{name}]}}
    logs: {{receivers: [otlp], exporters: [otlp/{name}]}}
"""


class Real:
    """A real Collector with its queues in a folder."""

    def __init__(self, folder, target, name="only"):
        self._process = None
        binary = tools.real_collector()
        if binary is None:
            pytest.skip("go is not installed")
        address = loopback_address()
        self.endpoint = f"{address}:4317"
        folder.mkdir(exist_ok=True)
        config, self._log = folder.parent / f"{address}.yaml", folder.parent / f"{address}.log"
        config.write_text(REAL.format(address=address, target=target, folder=folder, name=name))
        with self._log.open("wb") as out:
            self._process = subprocess.Popen([binary, "--config", config], stderr=out)
        wait_until(lambda: "Everything is ready" in self._log.read_text(), 20,
                   lambda: f"the real Collector\n{self._log.read_text()}")

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stop(self):
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def start_real():
    started = []

    def start(*args, **options):
        started.append(Real(*args, **options))
        return started[-1]

    yield start
    for real in started:
        real.kill()


def fill(endpoint, requests, items=10):
    """So many acknowledged requests of each signal, in order: their identities by signal."""
    ids = {signal: [] for signal in SIGNALS}
    with GrpcClient(endpoint) as client:
        for _ in range(requests):
            for signal in SIGNALS:
                ids[signal] += client.send(signal, items)
    return ids


def everything(ids):
    return [number for numbers in ids.values() for number in numbers]


@pytest.mark.parametrize("end", ("kill", "stop"))
def test_what_waited_in_a_collector_is_delivered_and_the_collector_starts_again(
        make_backend, make_collector, start_real, tmp_path, end):
    backend = make_backend()
    backend.kill()
    folder = tmp_path / "queues"
    real = start_real(folder, backend.endpoint)
    ids = fill(real.endpoint, 340)
    assert len(everything(ids)) > 10_000
    getattr(real, end)()

    collector = make_collector(durable(pass_through(backend), folder))
    imported = collector.lines_with("Imported the queue of a Collector")
    assert sum(line.fields["requests"] for line in imported) == 1020
    late = fill(collector.grpc, 5)
    backend.start()
    backend.wait_for_ids(everything(ids) + everything(late), timeout=60)
    assert max(backend.ids().values()) == 1
    # Of metrics the order of arrival, up to what was being sent.
    arrived = [number for request in backend.received if request.signal == "metrics"
               for number in request.ids]
    assert arrived == ids["metrics"] + late["metrics"]
    assert collector.stop() == 0

    again = start_real(folder, backend.endpoint)
    more = fill(again.endpoint, 2)
    backend.wait_for_ids(everything(more), timeout=20)
    again.stop()
    # And once more to gapless.
    collector = make_collector(durable(pass_through(backend), folder))
    assert collector.stop() == 0


def test_the_queues_of_both_levels_come_to_the_failover_in_front_of_them(
        make_backend, make_collector, start_real, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.kill()
    secondary.kill()
    folder = tmp_path / "queues"
    ids = []
    for name, backend in (("primary", primary), ("secondary", secondary)):
        real = start_real(folder, backend.endpoint, name=name)
        ids += everything(fill(real.endpoint, 20))
        real.kill()
    secondary.start()
    collector = make_collector(durable(failover(primary, secondary), folder))
    secondary.wait_for_ids(ids, timeout=20)
    assert collector.stop() == 0


def test_a_running_collector_keeps_its_queue(make_backend, make_collector, start_real, tmp_path):
    backend = make_backend()
    backend.kill()
    folder = tmp_path / "queues"
    real = start_real(folder, backend.endpoint)
    ids = everything(fill(real.endpoint, 5))
    collector = make_collector(durable(pass_through(backend), folder))
    assert collector.lines_with("The queue of a Collector is not imported", "in use")
    assert collector.stop() == 0
    backend.start()
    backend.wait_for_ids(ids, timeout=30)


def test_a_damaged_page_costs_what_is_on_it(make_backend, make_collector, start_real, tmp_path):
    backend = make_backend()
    backend.kill()
    folder = tmp_path / "queues"
    real = start_real(folder, backend.endpoint)
    ids = everything(fill(real.endpoint, 100))
    real.kill()
    file = folder / "exporter_otlp_only_traces"
    octets = bytearray(file.read_bytes())
    # The page of a request in the middle: its span IDs are on it.
    page = octets.index(b"qmv0") // 4096 + 3
    octets[page * 4096 : page * 4096 + 64] = bytes(64)
    file.write_bytes(octets)
    backend.start()
    collector = make_collector(durable(pass_through(backend), folder))
    wait_until(lambda: len(set(ids) - backend.ids().keys()) <= 50, 30,
               lambda: f"{len(set(ids) - backend.ids().keys())} of {len(ids)} items")
    assert collector.stop() == 0
    assert (folder / "exporter_otlp_only_traces.imported").exists()


def test_an_import_that_is_killed_again_and_again_loses_nothing(
        make_backend, make_collector, start_real, tmp_path):
    backend = make_backend()
    backend.kill()
    folder = tmp_path / "queues"
    real = start_real(folder, backend.endpoint)
    ids = everything(fill(real.endpoint, 1500, items=2))
    real.kill()
    text = durable(pass_through(backend), folder)
    for _ in range(8):
        collector = make_collector(text, wait=False)
        time.sleep(random.uniform(0.02, 0.3))
        collector.signal(signal.SIGKILL)
        collector.wait_for_exit()
    collector = make_collector(text)
    backend.start()
    backend.wait_for_ids(ids, timeout=60)
    # A group that a crash hit came twice.
    assert sum(backend.ids().values()) - len(ids) <= 8 * 3 * 2 * 1000
    assert collector.stop() == 0


def test_by_hand(make_backend, make_collector, start_real, tmp_path):
    backend = make_backend()
    backend.kill()
    folder = tmp_path / "queues"
    real = start_real(folder, backend.endpoint)
    ids = fill(real.endpoint, 30)
    file = folder / "exporter_otlp_only_logs"
    assert "in use by a running Collector" in run_cli("journal", "inspect", file).stdout
    real.kill()
    assert "30 requests, 300 items" in run_cli("journal", "inspect", file).stdout
    journal = tmp_path / "journal"
    imported = run_cli("journal", "import", file, "--into", journal)
    assert imported.returncode == 0 and "30 requests with 300 items" in imported.stdout
    assert run_cli("journal", "import", file, "--into", journal).returncode == 1, "it is renamed"
    backend.start()
    assert run_cli("journal", "replay", journal, "--endpoint", backend.endpoint).returncode == 0
    backend.wait_for_ids(ids["logs"])
