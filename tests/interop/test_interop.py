"""gapless between other people's programs: the Node SDK, telemetrygen, a real Collector."""

import json
import subprocess

import pytest
import tools

from harness import sdk
from harness.configs import failover, pass_through
from harness.items import SIGNALS
from harness.loopback import loopback_address
from harness.wait import wait_until


def needed(tool, chain):
    if tool is None:
        pytest.skip(f"{chain} is not installed")
    return tool


@pytest.mark.parametrize("protocol", ("grpc", "proto", "json"))
def test_everything_that_the_node_sdk_sends_arrives(make_backend, make_collector, protocol):
    script = needed(tools.node_client(), "node")
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    endpoint = collector.grpc if protocol == "grpc" else collector.http
    command = ["node", script, protocol, endpoint, "50"]
    out = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    sent = {tuple(pair) for pair in json.loads(out.splitlines()[-1])}
    assert len(sent) == 150
    wait_until(lambda: sdk.names_at(backend, sent), 10, lambda: sent - sdk.all_names(backend))


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("protocol", ("grpc", "http"))
def test_telemetrygen_is_served(make_backend, make_collector, signal, protocol):
    binary = needed(tools.telemetrygen(), "go")
    backend = make_backend()
    collector = make_collector(pass_through(backend))
    endpoint = collector.grpc if protocol == "grpc" else collector.http.removeprefix("http://")
    command = [binary, signal, "--otlp-insecure", f"--{signal}", "100", "--rate", "0",
               "--otlp-endpoint", endpoint]
    command += ["--otlp-http"] if protocol == "http" else []
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    # A trace of telemetrygen has two spans.
    items = 200 if signal == "traces" else 100
    wait_until(lambda: sum(len(request.ids) for request in backend.received) >= items, 10,
               f"{items} items")


REAL = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "{address}:4317"}}}}}}}}
exporters: {{otlp: {{endpoint: "{target}", tls: {{insecure: true}},
             retry_on_failure: {{initial_interval: 200ms}}}}}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp]}}
    metrics: {{receivers: [otlp], exporters: [otlp]}}
    logs: {{receivers: [otlp], exporters: [otlp]}}
"""


@pytest.fixture
def real_collector(tmp_path):
    """Starts a real Collector that forwards to a target; its gRPC address."""
    started = []

    def start(target, address=None):
        binary = needed(tools.real_collector(), "go")
        address = address or loopback_address()
        config, log = tmp_path / f"{address}.yaml", tmp_path / f"{address}.log"
        config.write_text(REAL.format(address=address, target=target))
        with log.open("wb") as out:
            started.append(subprocess.Popen([binary, "--config", config], stderr=out))
        wait_until(lambda: "Everything is ready" in log.read_text(), 20, "the real Collector")
        return f"{address}:4317"

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_real_collector_in_front_delivers_through_gapless(
        make_backend, make_collector, real_collector):
    primary = make_backend("primary", keep_bodies=True)
    secondary = make_backend("secondary", keep_bodies=True)
    collector = make_collector(failover(primary, secondary))
    front = real_collector(collector.grpc)
    first = sdk.send_all_signals(front, "grpc", 30)
    wait_until(lambda: sdk.names_at(primary, first), 10, "the items at the primary")
    primary.kill()
    second = sdk.send_all_signals(front, "grpc", 30)
    wait_until(lambda: sdk.names_at(secondary, second), 10, "the items at the secondary")


class Behind:
    """A real Collector as a level, for harness.configs."""

    protocol = "grpc"

    def __init__(self, endpoint):
        self.endpoint = endpoint


def test_a_real_collector_behind_is_a_level_like_any_other(
        make_backend, make_collector, real_collector):
    store, secondary = make_backend("store", keep_bodies=True), make_backend("secondary")
    primary = Behind(real_collector(store.endpoint))
    collector = make_collector(failover(primary, secondary))
    sent = sdk.send_all_signals(collector.grpc, "grpc", 30)
    wait_until(lambda: sdk.names_at(store, sent), 10, "the items behind the real Collector")
    assert secondary.received == []


# Of 145 cases; the one that fails is a wrong preface, which is answered before the connection ends.
H2SPEC_PASSES = 143


@pytest.mark.parametrize("protocol", ("grpc", "http"))
def test_h2spec_passes(make_backend, make_collector, protocol):
    binary = needed(tools.h2spec(), "go")
    collector = make_collector(pass_through(make_backend(), signals=("traces",)))
    host, port = (collector.grpc if protocol == "grpc" else f"{collector.host}:4318").split(":")
    out = subprocess.run([binary, "-h", host, "-p", port, "-o", "2"], capture_output=True,
                         text=True, timeout=300).stdout
    passed = int(out.rpartition(" tests, ")[2].split()[0])
    assert passed >= H2SPEC_PASSES, out[out.find("Failures:") :]
