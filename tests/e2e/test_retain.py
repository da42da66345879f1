"""A backend dies and takes along what it had acknowledged last: the journal still has it."""

import time

import pytest

from harness.collector import SLOWNESS, run_cli
from harness.configs import durable, failover
from harness.load import Load
from harness.oracle import conserved
from harness.wait import wait_until

REPEATED = "gapless_journal_repeated_items"
RETAINED = "gapless_journal_retained_items"


def replay(collector, *args):
    return run_cli("replay", *args, "--admin", collector.admin)


def union(*backends):
    return set().union(*(backend.ids().keys() for backend in backends))


@pytest.mark.smoke
def test_what_a_killed_backend_forgot_is_on_the_next_and_comes_back_with_backfill(
        make_backend, make_collector, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = failover(primary, secondary, signals=("logs",), connector={"backfill": {"rate": 0}})
    collector = make_collector(durable(config, tmp_path / "journals"))
    with Load(collector.grpc, ("logs",), connections=3, rate=50) as load:
        wait_until(lambda: len(primary.received) > 150, 30, "the load at the primary")
        forgotten = primary.kill_and_forget(2)
        assert forgotten, "it forgot nothing: proves nothing"
        secondary.wait_for_ids(forgotten, timeout=20 * SLOWNESS)  # while the primary is away
    secondary_or_primary = wait_until(
        lambda: set(load.acked) <= union(primary, secondary), 20, "every item somewhere")
    assert secondary_or_primary
    primary.start()
    primary.wait_for_ids(load.acked, timeout=30 * SLOWNESS)
    assert collector.metric(REPEATED) >= 2 * len(forgotten)
    assert collector.lines_with("what the level confirmed shortly before it fell")
    assert collector.metric("otelcol_connector_failover_possible_duplicates") >= len(forgotten)
    conserved(collector)
    assert collector.stop() == 0


def test_without_retention_it_is_gone(make_backend, make_collector, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = failover(primary, secondary, signals=("logs",),
                      connector={"backfill": {"rate": 0}, "retain": {"time": "0s"}})
    collector = make_collector(durable(config, tmp_path / "journals"))
    with Load(collector.grpc, ("logs",), connections=3, rate=50) as load:
        wait_until(lambda: len(primary.received) > 100, 30, "the load at the primary")
        forgotten = primary.kill_and_forget(1)
        assert forgotten
        wait_until(lambda: len(secondary.received) > 10, 20, "the switch")
    primary.start()
    primary.wait_for_ids(set(load.acked) - forgotten, timeout=30 * SLOWNESS)
    time.sleep(1)
    assert not forgotten <= union(primary, secondary)
    assert collector.stop() == 0


def test_a_backend_restored_from_a_backup_gets_it_again_by_hand(
        make_backend, make_collector, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = failover(primary, secondary, signals=("traces",),
                      connector={"retain": {"time": "10m", "max_size": "1GiB"}})
    collector = make_collector(durable(config, tmp_path / "journals"))
    with Load(collector.grpc, ("traces",), connections=2, rate=50) as load:
        wait_until(lambda: len(primary.received) > 50, 30, "the load at the primary")
    primary.wait_for_ids(load.acked)
    wait_until(lambda: collector.metric(RETAINED) == len(load.acked), 10, "all of it is retained")
    assert collector.stop() == 0
    primary.kill_and_forget(600)
    primary.start()
    collector.start()  # what is retained outlives the process
    done = replay(collector, "--since", "10m", "--to", "otlp/primary")
    assert done.returncode == 0, done.stderr
    assert f"{len(load.acked)} items" in done.stdout
    assert "of failover/traces" in done.stdout and "are sent to otlp/primary" in done.stdout
    assert "retention reaches back" in done.stdout, "less than ten minutes"
    primary.wait_for_ids(load.acked, timeout=30 * SLOWNESS)
    assert not secondary.received
    conserved(collector)
    assert collector.stop() == 0


def test_a_replay_for_nobody_names_who_there_is(make_backend, make_collector):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    wrong = replay(collector, "--since", "10m", "--to", "otlp/primry")
    assert wrong.returncode != 0
    assert 'nothing is sent to "otlp/primry"' in wrong.stdout + wrong.stderr
    assert "otlp/primary" in wrong.stdout + wrong.stderr
    off = replay(collector, "--since", "10m", "--to", "otlp/primary")
    assert "nothing is retained" in off.stdout
    assert collector.stop() == 0
