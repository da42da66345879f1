"""What a client loses while the collector is restarted, reloaded, or ends slowly."""

import time

import pytest
import yaml
from expectations import JUDGES, everybody_was_answered, meets
from runs import Arrived, judge

from harness.configs import pass_through

# Items per second of each signal; a client makes a batch every 100 ms of them.
LOAD = {"rate": 150, "count": 900, "signals": ("traces", "logs")}
RUNNING = 60
# From the end of one process to the start of the next.
AWAY_SECONDS = 0.5


def restarted(kind, times, make_backend, make_front, start, client):
    """(run, what arrived) of a load during which the collector was restarted."""
    backend = make_backend(keep_bodies=True)
    collector = make_front(kind, pass_through(backend))
    arrived = Arrived(backend)
    run = start(client, collector, **LOAD)
    for _ in range(times):
        arrived.wait_for_more(RUNNING, run)
        assert collector.stop() == 0
        time.sleep(AWAY_SECONDS)
        collector.start()
    return run, arrived


def test_a_restart_under_load(make_backend, make_front, start, client, front, account):
    run, arrived = restarted(front, 1, make_backend, make_front, start, client)
    verdict = JUDGES[front](run, arrived)
    account("restart", client, front, verdict)
    meets(verdict, "restart", client, front)
    if front == "gapless":
        everybody_was_answered(verdict.report)


def test_a_restart_with_sockets_that_stay_open(make_backend, make_front, start, client, account):
    run, arrived = restarted("activated", 3, make_backend, make_front, start, client)
    verdict = judge(run, arrived)
    account("zero-loss restart", client, "gapless", verdict)
    assert verdict.flawless, verdict.report.words


DRAIN_SECONDS = 4


def ended_slowly(kind, make_backend, make_front, start, client):
    """(run, what arrived) of a load during which a process drains for some seconds, since the
    backend takes nothing when it is told to end."""
    backend = make_backend(keep_bodies=True)
    retry = {"initial_interval": "200ms", "max_interval": "500ms"}
    collector = make_front(kind, pass_through(backend, retry_on_failure=retry))
    arrived = Arrived(backend)
    run = start(client, collector, **LOAD)
    arrived.wait_for_more(RUNNING, run)
    backend.behave("UNAVAILABLE")
    # Items must be waiting when the end begins.
    time.sleep(0.5)
    collector.terminate()
    time.sleep(DRAIN_SECONDS)
    backend.behave()
    collector.wait_for_exit()
    collector.start()
    return run, arrived


def test_a_slow_end_while_the_backend_is_away(
        make_backend, make_front, start, client, front, account):
    run, arrived = ended_slowly(front, make_backend, make_front, start, client)
    verdict = JUDGES[front](run, arrived)
    account("slow end", client, front, verdict)
    meets(verdict, "slow end", client, front)
    if front == "gapless":
        everybody_was_answered(verdict.report)


def test_a_slow_end_with_sockets_that_stay_open(make_backend, make_front, start, client, account):
    run, arrived = ended_slowly("activated", make_backend, make_front, start, client)
    verdict = judge(run, arrived)
    account("zero-loss slow end", client, "gapless", verdict)
    assert verdict.flawless, verdict.report.words


@pytest.mark.parametrize("change", ("exporter", "receiver"))
def test_a_reload_under_load_loses_nothing(
        make_backend, make_front, start, client, account, change):
    backend = make_backend(keep_bodies=True)
    collector = make_front("gapless", pass_through(backend))
    base = yaml.safe_load((collector.folder / "base.yaml").read_text())
    arrived = Arrived(backend)
    run = start(client, collector, **LOAD)
    for turn in range(3):
        arrived.wait_for_more(RUNNING, run)
        if change == "exporter":
            collector.write_config("config0", pass_through(backend, timeout=f"{turn + 10}s"))
        else:
            protocols = base["receivers"]["otlp"]["protocols"]
            protocols["http"]["max_request_body_size"] = (turn + 1) << 22
            protocols["grpc"]["max_recv_msg_size_mib"] = turn + 4
            collector.write_config("base", yaml.safe_dump(base))
        answer = collector.ask_admin("POST", "/-/reload")
        assert answer.status_code == 200, answer.text
    verdict = judge(run, arrived)
    account(f"reload of the {change}", client, "gapless", verdict)
    assert verdict.flawless, verdict.report.words
