"""The primary goes away in every way there is; the secondary takes over, and nothing is lost."""

import time

import pytest

from harness.collector import SLOWNESS
from harness.configs import HOLD, RETRY_INTERVAL, failover
from harness.items import SIGNALS
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.wait import wait_until

REFUSED_SECONDS = 0.5
BLACK_HOLE_SECONDS = 3.0
FAILING_SECONDS = 2.5
# What may be in flight when a level dies: num_consumers (10) requests per signal.
IN_FLIGHT_REQUESTS = 10

# way to be gone -> (do, undo, limit of the first item on the secondary)
WAYS = {
    "killed": (lambda b: b.kill(), lambda b: b.start(), REFUSED_SECONDS),
    "closed": (lambda b: b.close(), lambda b: b.open(), REFUSED_SECONDS),
    "black hole": (lambda b: b.blackhole(), lambda b: b.unblackhole(), BLACK_HOLE_SECONDS),
    "stopped": (lambda b: b.blackhole(fill_backlog=False), lambda b: b.unblackhole(),
                BLACK_HOLE_SECONDS),
    "UNAVAILABLE": (lambda b: b.behave("UNAVAILABLE"), lambda b: b.behave(), FAILING_SECONDS),
    "INTERNAL": (lambda b: b.behave("INTERNAL"), lambda b: b.behave(), FAILING_SECONDS),
    "UNAUTHENTICATED": (lambda b: b.behave("UNAUTHENTICATED"), lambda b: b.behave(),
                        FAILING_SECONDS),
}


def settle(load, backend, count=30):
    """Until the load is running through the backend."""
    start = len(backend.received)
    wait_until(lambda: len(backend.received) >= start + count, 10 * SLOWNESS,
               f"{count} requests at {backend.name}")


def first_at(backend, moment, signal, limit, load=None):
    """Seconds from the moment to the first request of the signal; fails after the limit.

    With a load only what it sent after the moment counts: a stopped process that goes on first
    reads what had lain in its sockets.
    """

    def found():
        for request in backend.received:
            if request.at > moment and request.signal == signal and (
                    load is None or load.acked_after(moment, request.ids)):
                return request
        return None

    request = wait_until(found, limit + 5, f"{signal} at {backend.name}")
    taken = request.at - moment
    print(f"{signal} at {backend.name} after {taken:.3f} s (limit {limit} s)")
    assert taken < limit
    return taken


def whole_outage(collector, primary, secondary, way, items=5):
    """Load, outage, switch, recovery, switch back; every promise about it."""
    gone, back, limit = WAYS[way]
    limit *= SLOWNESS
    with Load(collector.grpc, SIGNALS, connections=6, rate=90, items=items) as load:
        settle(load, primary)
        died = gone(primary)
        for signal in SIGNALS:
            first_at(secondary, died, signal, limit)
        # What was queued for the primary has gone to the secondary as well, while it is still away.
        nothing_lost(load.acked, primary, secondary)
        wait_until(lambda: time.monotonic() > died + HOLD + limit, 10, "the hold to pass")
        returned = back(primary)
        for signal in SIGNALS:
            first_at(primary, returned, signal, (RETRY_INTERVAL + 2) * SLOWNESS, load)
    verdict = nothing_lost(load.acked, primary, secondary)
    print(f"{way}: {verdict}")
    assert load.refused == []
    # Two transitions per signal, each with at most what was in flight.
    assert verdict.duplicates <= 2 * len(SIGNALS) * IN_FLIGHT_REQUESTS * items
    conserved(collector)
    assert collector.stop() == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_primary_over_grpc_that_is_gone_is_replaced_and_taken_again(
        make_backend, make_collector, way):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    whole_outage(make_collector(failover(primary, secondary)), primary, secondary, way)


@pytest.mark.parametrize("way", ("closed", "black hole", "stopped", "UNAVAILABLE"))
def test_a_primary_over_http_that_is_gone_is_replaced_and_taken_again(
        make_backend, make_collector, way):
    primary, secondary = make_backend("primary", protocol="http"), make_backend("secondary")
    whole_outage(make_collector(failover(primary, secondary)), primary, secondary, way)


@pytest.mark.smoke
def test_traffic_moves_to_the_secondary_when_the_primary_refuses(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary))
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces", 3))
    primary.kill()
    sent = [number for _ in range(20) for number in client.send("traces", 3)]
    secondary.wait_for_ids(sent)
    primary.start()
    wait_until(lambda: client.send("traces") and primary.received[-1].at > 0 and
               primary.first_after(secondary.received[-1].at), 20 * SLOWNESS, "the switch back")
    assert collector.stop() == 0


def test_a_primary_that_dies_unnoticed_costs_the_next_request_no_time(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("logs",)))
    client = client_of(collector)
    primary.wait_for_ids(client.send("logs"))
    primary.kill()
    wait_until(lambda: collector.lines_with("failover", "secondary"), 5, "the switch, without data")
    sent_at = time.monotonic()
    ids = client.send("logs")
    secondary.wait_for_ids(ids)
    assert secondary.received[-1].at - sent_at < 0.2 * SLOWNESS


def test_a_primary_that_was_never_there_does_not_keep_the_first_data_waiting(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.kill()
    collector = make_collector(failover(primary, secondary))
    sent_at = time.monotonic()
    ids = client_of(collector).send("metrics", 10)
    secondary.wait_for_ids(ids)
    assert secondary.received[0].at - sent_at < REFUSED_SECONDS * SLOWNESS


def test_recovery_needs_no_traffic(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces"))
    primary.kill()
    secondary.wait_for_ids(client.send("traces"))
    primary.start()
    wait_until(lambda: collector.lines_with("failback complete"), 10, "the failback, without data")
    primary.wait_for_ids(client.send("traces"), timeout=1)


def test_a_slow_primary_is_not_a_dead_one(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.behave(delay=2.5)
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    primary.wait_for_ids(client_of(collector).send("traces", 5))
    assert secondary.received == []
    assert primary.ids().most_common(1)[0][1] == 1, "it got the same data twice"


def test_upstream_style_levels_of_pipelines_route_the_same(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    levels = {"priority_levels": [["traces/primary"], ["traces/secondary"]]}
    collector = make_collector(
        failover(primary, secondary, signals=("traces",), connector=levels))
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces"))
    primary.kill()
    secondary.wait_for_ids(client.send("traces"))


def test_a_third_level_takes_over_when_two_are_gone(make_backend, make_collector, client_of):
    backends = [make_backend(name) for name in ("primary", "secondary", "third")]
    collector = make_collector(failover(*backends, signals=("traces",)))
    client = client_of(collector)
    for backend in backends:
        backend.wait_for_ids(client.send("traces"))
        backend.kill()


def test_a_secondary_that_dies_gives_its_backlog_back_to_the_primary(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    client = client_of(collector)
    primary.kill()
    secondary.wait_for_ids(client.send("traces"))
    secondary.behave(delay=30)
    stuck = [number for _ in range(15) for number in client.send("traces")]
    primary.start()
    wait_until(lambda: client.send("traces") and primary.received, 10, "the switch back")
    secondary.kill()
    primary.wait_for_ids(stuck, timeout=15)
