"""What a client loses while the collector is restarted, reloaded, or ends slowly."""

import time

import pytest
import yaml
from runs import Arrived, judge

from harness.configs import pass_through

# Items per second of each signal; a client makes a batch every 100 ms of them.
LOAD = {"rate": 150, "count": 900, "signals": ("traces", "logs")}
RUNNING = 60
RESTARTS = 3
# From the end of one process to the start of the next.
AWAY_SECONDS = 0.5


def restarts(kind, make_backend, make_front, start, client):
    """The verdict of a run in which the collector is restarted several times."""
    backend = make_backend(keep_bodies=True)
    collector = make_front(kind, pass_through(backend))
    arrived = Arrived(backend)
    run = start(client, collector, **LOAD)
    for _ in range(RESTARTS):
        arrived.wait_for_any(len(arrived.counts()) + RUNNING)
        assert collector.stop() == 0
        time.sleep(AWAY_SECONDS)
        collector.start()
    return judge(run, arrived)


def test_a_restart_under_load(make_backend, make_front, start, client, front, account):
    verdict = restarts(front, make_backend, make_front, start, client)
    account("restart", client, front, verdict)


def test_a_restart_with_sockets_that_stay_open(
        make_backend, make_front, start, client, account):
    verdict = restarts("activated", make_backend, make_front, start, client)
    account("zero-loss restart", client, "gapless", verdict)
    assert verdict.figures()[2:] == (0, 0, 0), verdict.report.words


DRAIN_SECONDS = 4


def test_a_slow_end_while_the_backend_is_away(
        make_backend, make_front, start, client, front, account):
    """What waits is drained when the backend is back, a few seconds after SIGTERM."""
    backend = make_backend(keep_bodies=True)
    retry = {"initial_interval": "200ms", "max_interval": "500ms"}
    collector = make_front(front, pass_through(backend, retry_on_failure=retry))
    arrived = Arrived(backend)
    run = start(client, collector, **LOAD)
    arrived.wait_for_any(RUNNING)
    backend.kill()
    # An item must be waiting when the end begins.
    time.sleep(0.5)
    collector.terminate()
    time.sleep(DRAIN_SECONDS)
    backend.start()
    assert collector.wait_for_exit() == 0
    collector.start()
    verdict = judge(run, arrived)
    account("slow end", client, front, verdict)


@pytest.mark.parametrize("change", ("exporter", "receiver"))
def test_a_reload_under_load_loses_nothing(
        make_backend, make_front, start, client, account, change):
    backend = make_backend(keep_bodies=True)
    text = pass_through(backend)
    collector = make_front("gapless", text)
    base = yaml.safe_load((collector.folder / "base.yaml").read_text())
    arrived = Arrived(backend)
    run = start(client, collector, **LOAD)
    for turn in range(3):
        arrived.wait_for_any(RUNNING * (2 * turn + 1))
        if change == "exporter":
            changed = pass_through(backend, timeout=f"{turn + 10}s")
            collector.write_config("config0", changed)
        else:
            http = base["receivers"]["otlp"]["protocols"]["http"]
            http["max_request_body_size"] = (turn + 1) << 22
            base["receivers"]["otlp"]["protocols"]["grpc"]["max_recv_msg_size_mib"] = turn + 4
            collector.write_config("base", yaml.safe_dump(base))
        answer = collector.ask_admin("POST", "/-/reload")
        assert answer.status_code == 200, answer.text
    verdict = judge(run, arrived)
    account(f"reload of the {change}", client, "gapless", verdict)
    assert verdict.figures()[2:] == (0, 0, 0), verdict.report.words
