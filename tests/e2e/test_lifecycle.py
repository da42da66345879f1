"""Start, readiness, pid file, drain, exit status."""

import signal
import time

import pytest
import requests
import yaml

from harness.collector import SLOWNESS, run_cli
from harness.configs import failover, pass_through
from harness.items import make_body
from harness.load import Load
from harness.loopback import accepts, loopback_address
from harness.oracle import nothing_lost
from harness.wait import stays, wait_until

SHORT = ("--shutdown-timeout", "2s")


@pytest.mark.smoke
@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_a_stop_signal_ends_an_idle_collector_cleanly(make_backend, make_collector, number):
    collector = make_collector(pass_through(make_backend()))
    collector.signal(number)
    assert collector.wait_for_exit(10 * SLOWNESS) == 0
    assert "Starting shutdown..." in collector.log
    assert "Shutdown complete." in collector.log
    assert not accepts(collector.grpc)


def test_the_pid_file_lives_as_long_as_the_process(make_backend, make_collector, tmp_path):
    pid_file = tmp_path / "pid"
    collector = make_collector(pass_through(make_backend()), args=("--pid-file", pid_file))
    assert int(pid_file.read_text().strip()) == collector.process.pid
    assert collector.stop() == 0
    assert not pid_file.exists()


def test_a_stop_waits_until_what_is_queued_has_arrived(make_backend, make_collector, client_of):
    backend = make_backend()
    backend.behave(delay=0.3)
    settings = {"sending_queue": {"num_consumers": 2}}
    collector = make_collector(pass_through(backend, **settings))
    client = client_of(collector)
    ids = [number for _ in range(20) for number in client.send("traces")]
    assert collector.stop() == 0
    assert set(ids) <= backend.ids().keys(), "it left before its queue was empty"


def test_a_stop_while_data_comes_in_loses_nothing_that_was_acknowledged(
        make_backend, make_collector):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary))
    with Load(collector.grpc, ("traces", "logs"), connections=6, rate=200, retry=False,
              timeout=3) as load:
        wait_until(lambda: len(load.acked) > 500, 15, "the load to run")
        assert collector.stop() == 0
    verdict = nothing_lost(load.acked, primary, secondary, timeout=2)
    assert verdict.duplicates == 0


def test_memory_that_no_level_took_is_named_and_makes_the_exit_status_one(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)), args=SHORT)
    client = client_of(collector)
    primary.kill()
    secondary.kill()
    for _ in range(7):
        client.send("traces", 6)
    began = time.monotonic()
    assert collector.stop() == 1
    assert 1.5 < time.monotonic() - began < 6 * SLOWNESS, "it must use its time, and no more"
    assert any("42" in line.raw for line in collector.log_lines()
               if line.level in ("warn", "error")), "the log does not say how many items are lost"


def test_a_level_that_returns_during_the_stop_gets_the_rest(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)),
                               args=("--shutdown-timeout", "20s"))
    client = client_of(collector)
    primary.kill()
    secondary.kill()
    ids = [number for _ in range(5) for number in client.send("traces", 2)]
    collector.terminate()
    collector.wait_for_log("Starting shutdown...")
    secondary.start()
    assert collector.wait_for_exit(20) == 0
    assert set(ids) <= secondary.ids().keys()


def test_a_second_signal_ends_it_at_once(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    primary.kill()
    secondary.kill()
    client_of(collector).send("traces")
    collector.terminate()
    collector.wait_for_log("Starting shutdown...")
    # Two signals within 300 ms are one wish: process managers tell a process and then its group.
    stays(lambda: collector.running, 0.5, "one signal must drain")
    began = time.monotonic()
    collector.terminate()
    assert collector.wait_for_exit(10) == 1
    assert time.monotonic() - began < 2 * SLOWNESS


def test_a_port_that_is_taken_ends_the_start_with_an_error(make_backend, make_collector):
    backend = make_backend()
    taken = yaml.safe_dump({"receivers": {"otlp": {"protocols": {
        "grpc": {"endpoint": backend.endpoint}}}}})
    collector = make_collector(pass_through(backend), taken, wait=False)
    assert collector.wait_for_exit(10 * SLOWNESS) == 1
    assert backend.endpoint in collector.log
    assert "Error" in collector.log or "error" in collector.log


def test_port_zero_works_and_the_log_names_the_real_address(make_backend, make_collector):
    zero = yaml.safe_dump({"receivers": {"otlp": {"protocols": {
        "grpc": {"endpoint": "localhost:0"}, "http": {"endpoint": "127.0.0.1:0"}}}}})
    collector = make_collector(pass_through(make_backend()), zero)
    for message in ("Starting GRPC server", "Starting HTTP server"):
        endpoints = [line.fields["endpoint"] for line in collector.log_lines()
                     if line.message == message]
        assert len(endpoints) == 1 and not endpoints[0].endswith(":0")
        assert accepts(endpoints[0])


def test_start_up_does_not_need_a_backend(make_backend, make_collector, client_of):
    backend = make_backend()
    backend.kill()
    collector = make_collector(pass_through(backend))
    ids = client_of(collector).send("metrics", 3)
    backend.start()
    backend.wait_for_ids(ids, timeout=15)


def test_health_check_answers_as_long_as_it_is_ready(make_backend, make_collector):
    health = f"{loopback_address()}:13133"
    extension = yaml.safe_dump({"extensions": {"health_check": {"endpoint": health}},
                                "service": {"extensions": ["health_check"]}})
    backend = make_backend()
    collector = make_collector(pass_through(backend), extension)
    answer = requests.get(f"http://{health}/", timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (200, "Server available")
    # A dead backend does not make the collector unhealthy.
    backend.kill()
    assert requests.get(f"http://{health}/", timeout=5).status_code == 200
    assert collector.stop() == 0
    assert not accepts(health)


def test_json_logs_are_one_object_per_line(make_backend, make_collector):
    import json
    logs = yaml.safe_dump({"service": {"telemetry": {"logs": {"encoding": "json"}}}})
    collector = make_collector(pass_through(make_backend()), logs)
    lines = [json.loads(line) for line in collector.log.splitlines()]
    assert all({"level", "ts", "msg"} <= line.keys() for line in lines)


def test_the_version_and_the_components_are_told(tmp_path):
    version = run_cli("--version")
    assert version.returncode == 0 and version.stdout.startswith("gapless version ")
    components = run_cli("components")
    assert components.returncode == 0
    told = yaml.safe_load(components.stdout)
    for kind, name in (("receivers", "otlp"), ("processors", "batch"), ("connectors", "failover"),
                       ("exporters", "file"), ("extensions", "health_check")):
        assert name in {component["name"] for component in told[kind]}
    assert run_cli("--no-such-flag").returncode == 1


def test_a_dead_collector_leaves_no_half_request_behind(make_backend, make_collector, client_of):
    """kill -9 with the memory journal: what the backend had not confirmed may go, nothing else."""
    backend = make_backend(keep_bodies=True)
    collector = make_collector(pass_through(backend))
    client = client_of(collector)
    sent = []
    for _ in range(50):
        body, _ = make_body("traces", 4)
        client.export("traces", body)
        sent.append(body)
    collector.process.kill()
    collector.wait_for_exit()
    assert {request.body for request in backend.received} <= set(sent)
