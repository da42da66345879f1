"""Both levels are down: what was acknowledged waits; what does not fit is refused, not dropped."""

import grpc
import pytest

from harness.configs import failover
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.wait import stays, wait_until

BATCH = {"batch": {"timeout": "200ms"}}


def outage(make_backend, make_collector, seconds, rate, items, item_bytes):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(
        primary, secondary, signals=("traces",), processors=BATCH,
        connector={"sending_queue": {"queue_size": 1000}}))
    with Load(collector.grpc, ("traces",), connections=8, rate=rate, items=items,
              item_bytes=item_bytes) as load:
        wait_until(lambda: len(primary.received) >= 3, 10, "the load at the primary")
        primary.close()
        secondary.close()
        stays(lambda: collector.running, seconds, "it died in the outage")
        during = load.acked
        assert load.refused == []
        secondary.open()
        nothing_lost(during, primary, secondary, timeout=30)
    print(nothing_lost(load.acked, primary, secondary), f"of {len(load.acked)} acknowledged")
    assert load.refused == []
    conserved(collector)
    assert collector.stop() == 0


@pytest.mark.heavy
def test_nothing_is_refused_or_lost_while_both_levels_are_down_for_seconds(
        make_backend, make_collector):
    outage(make_backend, make_collector, seconds=6, rate=200, items=100, item_bytes=240)


@pytest.mark.heavy
@pytest.mark.long
def test_nothing_is_refused_or_lost_while_both_levels_are_down_for_a_minute(
        make_backend, make_collector):
    outage(make_backend, make_collector, seconds=60, rate=200, items=100, item_bytes=240)


@pytest.mark.smoke
def test_a_full_queue_answers_with_retryable_errors_and_loses_nothing(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(
        primary, secondary, signals=("traces",),
        connector={"sending_queue": {"queue_size": 20}}))
    client_of(collector)
    primary.kill()
    secondary.kill()
    with Load(collector.grpc, ("traces",), connections=4, rate=100, items=3) as load:
        wait_until(lambda: len(load.refused) > 20, 15, "the queue to fill up")
        kept = len(load.acked) // 3
        assert kept == 20, f"{kept} requests acknowledged with queue_size 20"
        secondary.start()
        nothing_lost(load.acked, primary, secondary)
        wait_until(lambda: len(load.acked) > 200, 15, "traffic to flow again")
    assert set(load.refused) == {grpc.StatusCode.UNAVAILABLE}
    nothing_lost(load.acked, primary, secondary)
    conserved(collector)
    assert collector.metric("otelcol_exporter_enqueue_failed_spans") > 0
    assert collector.stop() == 0


def test_the_first_level_that_returns_gets_everything_within_seconds(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    # With long intervals: with all levels down, one pace of a second replaces them.
    collector = make_collector(failover(
        primary, secondary, signals=("logs",), connector={"retry_interval": "60s", "hold": "60s"}))
    client = client_of(collector)
    primary.kill()
    secondary.kill()
    ids = [number for _ in range(10) for number in client.send("logs", 4)]
    wait_until(lambda: len(collector.lines_with("failover")) >= 2, 5, "both levels to be down")
    primary.start()
    primary.wait_for_ids(ids, timeout=4)
