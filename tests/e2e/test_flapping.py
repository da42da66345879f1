"""Fifty connections, a primary that comes and goes: nothing is lost, the level rarely changes."""

import time

import pytest

from harness.configs import failover
from harness.items import SIGNALS
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.wait import wait_until

CHANGES_MAX = 8


def flap(make_backend, make_collector, seconds, period):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    # The connector's own hold: damping is what is tested.
    collector = make_collector(failover(
        primary, secondary, connector={"retry_interval": "1s", "hold": "5s"}))
    with Load(collector.grpc, SIGNALS, connections=50, rate=150, items=10) as load:
        wait_until(lambda: len(primary.received) >= 30, 15, "the load at the primary")
        end = time.monotonic() + seconds
        turn, due = 0, time.monotonic()
        while time.monotonic() < end:
            (primary.close if turn % 2 == 0 else primary.open)()
            turn += 1
            due += period
            wait_until(lambda due=due: time.monotonic() >= due, period + 5, "the next flap")
        if turn % 2 == 1:
            primary.open()
    verdict = nothing_lost(load.acked, primary, secondary, timeout=30)
    print(f"{len(load.acked)} acknowledged, {verdict}, {turn} flaps")
    assert load.refused == []
    for signal in SIGNALS:
        changes = collector.metric("otelcol_connector_failover_switches", signal=signal)
        assert 1 <= changes <= CHANGES_MAX, f"{signal}: {changes} changes of the active level"
    wait_until(lambda: collector.metric("gapless_journal_pending_items") == 0, 10, "empty journals")
    conserved(collector)
    assert collector.stop() == 0


@pytest.mark.heavy
def test_a_flapping_primary_costs_no_data_and_few_switches(make_backend, make_collector):
    flap(make_backend, make_collector, seconds=15, period=3)


@pytest.mark.heavy
@pytest.mark.long
def test_a_primary_that_flaps_for_a_minute_costs_no_data_and_few_switches(
        make_backend, make_collector):
    flap(make_backend, make_collector, seconds=60, period=3)
