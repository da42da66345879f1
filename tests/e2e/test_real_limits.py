"""Backends with limits: on the items of a second, on a burst, on what they do at a time. A limit is
used and not fought; what does not fit goes to the next level or waits, and nothing is stuck."""

import time

import pytest
import yaml

from harness.collector import SLOWNESS
from harness.configs import failover, pass_through
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.wait import stays, wait_until

METRICS = ("metrics",)
BATCH = {"batch": {"timeout": "200ms"}}
TENANT = {"headers": {"X-Scope-OrgID": "tests"}}
DUPLICATES = "otelcol_connector_failover_possible_duplicates"


def load_of(collector, signals=METRICS, rate=20, connections=4, items=20):
    return Load(collector.grpc, signals, connections=connections, rate=rate, items=items,
                instances=True)


def only(backend, batch, signals=METRICS, **settings):
    config = yaml.safe_load(pass_through(backend, signals, ("batch",) if batch else (),
                                         **{**TENANT, **settings}))
    if batch:
        config["processors"] = BATCH
    return yaml.safe_dump(config)


def stored(backend):
    return len(backend.ids())


def used(backend, rate, burst):
    """The share of what the backend allowed between the first refusal and the last item stored."""
    begin = backend.refused(429)[0].begun
    taken = [request for request in backend.received if request.at > begin]
    seconds = taken[-1].at - begin
    share = sum(len(request.ids) for request in taken) / (rate * seconds)
    print(f"{share:.0%} of {rate:g}/s in {seconds:.1f} s, burst {burst:g}, "
          f"{len(backend.refused(429))} refusals")
    return share


def nothing_stuck(collector, load, *backends, timeout):
    nothing_lost(load.acked, *backends, timeout=timeout * SLOWNESS)
    assert load.refused == []
    assert collector.metric("gapless_journal_dropped_items") == 0
    conserved(collector)


# A burst below what is merged.

@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
@pytest.mark.parametrize("rate, burst", ((300.0, 600.0), (300.0, 100.0), (300.0, 20.0)))
def test_a_backlog_above_the_burst_limit_gets_through_at_the_limit(
        make_scripted, make_collector, rate, burst, batch):
    backend = make_scripted("cortex", rate=rate, burst=burst)
    collector = make_collector(only(backend, batch))
    with load_of(collector, rate=40) as load:
        wait_until(lambda: len(load.acked) >= 2400, 20, "2400 points")
    total = len(load.acked)
    nothing_stuck(collector, load, backend, timeout=total / (0.8 * rate) + 3)
    assert backend.refused(429), "nothing was throttled, so this test proves nothing"
    assert used(backend, rate, burst) >= 0.8


@pytest.mark.long
@pytest.mark.parametrize("burst", (600.0, 100.0))
def test_a_backlog_of_twenty_seconds_above_the_burst_limit_gets_through(
        make_scripted, make_collector, burst):
    backend = make_scripted("cortex", rate=300.0, burst=burst)
    collector = make_collector(only(backend, True))
    with load_of(collector) as load:
        stays(lambda: collector.running, 20, "it died")
    nothing_stuck(collector, load, backend, timeout=30)
    assert used(backend, 300.0, burst) >= 0.8


def test_a_limit_of_one_request_a_second_gets_through(make_scripted, make_collector):
    backend = make_scripted("cortex", rate=24.0, burst=20.0)
    collector = make_collector(only(backend, True))
    with load_of(collector, connections=2, rate=20) as load:
        wait_until(lambda: len(load.acked) >= 240, 20, "240 points")
    nothing_stuck(collector, load, backend, timeout=len(load.acked) / 20 + 10)


def test_a_backlog_after_an_outage_gets_through_a_burst_limit(make_scripted, make_collector):
    backend = make_scripted("cortex", rate=600.0, burst=400.0)
    collector = make_collector(only(backend, True, retry_on_failure={
        "initial_interval": "300ms", "max_interval": "1s"}))
    with load_of(collector) as load:
        wait_until(lambda: backend.received, 15, "the load")
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1600, 15, "load while it is away")
        backend.open()
        wait_until(lambda: backend.refused(429), 10, "a refusal")
    nothing_stuck(collector, load, backend, timeout=15)


def test_a_learned_rate_is_forgotten_when_the_limit_is_gone(make_scripted, make_collector):
    backend = make_scripted("cortex", rate=100.0, burst=100.0)
    collector = make_collector(only(backend, True))
    with load_of(collector, rate=40) as load:
        wait_until(lambda: backend.refused(429) and len(load.acked) > 4000, 20, "a backlog")
        backend.behave()
        # The load goes on with 800/s: only much more than the old rate catches up.
        wait_until(lambda: len(load.acked) - stored(backend) < 400, 15 * SLOWNESS,
                   lambda: f"{len(load.acked) - stored(backend)} items of backlog to be delivered")
    nothing_stuck(collector, load, backend, timeout=10)


# A limit below the load.

def two_levels(primary, secondary, batch=True, **connector):
    config = yaml.safe_load(failover(primary, secondary, signals=primary.profile.signals,
                                     processors=BATCH if batch else None, connector=connector))
    for exporter in config["exporters"].values():
        exporter.update(TENANT)
    return yaml.safe_dump(config)


def overflow(collector, primary, secondary, rate, seconds, within):
    """Load above the limit: the limit is used, the secondary gets the rest and is left again."""
    with load_of(collector, rate=20) as load:
        begin = time.monotonic()
        wait_until(lambda: primary.received, 10, "the load at the primary")
        primary.behave(rate=rate, burst=rate)
        wait_until(lambda: secondary.received, within * SLOWNESS, "overflow to the secondary")
        print(f"overflow after {secondary.received[0].at - begin:.1f} s")
        moment = time.monotonic()
        stays(lambda: collector.running, seconds, "it died")
        # The primary goes on at its limit while the secondary helps.
        share = sum(len(request.ids) for request in primary.received if request.at > moment)
        share /= rate * (time.monotonic() - moment)
        print(f"{share:.0%} of the limit used while the secondary helps")
        primary.behave()
        wait_until(lambda: len(secondary.received) and
                   time.monotonic() - secondary.received[-1].at > 2, 30 * SLOWNESS,
                   "the secondary to be left again")
        assert time.monotonic() - primary.received[-1].at < 1, "nobody gets the data"
    nothing_stuck(collector, load, primary, secondary, timeout=20)
    assert share >= 0.8


@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_what_exceeds_the_limit_goes_to_the_secondary_and_the_limit_is_used(
        make_scripted, make_collector, batch):
    primary, secondary = make_scripted("cortex"), make_scripted("cortex")
    collector = make_collector(two_levels(primary, secondary, batch, overflow_after="3s"))
    overflow(collector, primary, secondary, rate=100.0, seconds=6, within=10)


@pytest.mark.long
@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_what_exceeds_the_limit_goes_to_the_secondary_after_thirty_seconds(
        make_scripted, make_collector, batch):
    primary, secondary = make_scripted("cortex"), make_scripted("cortex")
    collector = make_collector(two_levels(primary, secondary, batch))
    overflow(collector, primary, secondary, rate=100.0, seconds=60, within=50)


def test_a_limit_above_the_load_sends_nothing_to_the_secondary(make_scripted, make_collector):
    primary = make_scripted("cortex", rate=500.0, burst=150.0)
    secondary = make_scripted("cortex")
    collector = make_collector(two_levels(primary, secondary, overflow_after="2s"))
    with load_of(collector) as load:
        stays(lambda: not secondary.received, 6, "the secondary is used without need")
    nothing_stuck(collector, load, primary, timeout=10)


def test_a_limit_without_a_second_level_is_used(make_scripted, make_collector):
    backend = make_scripted("cortex", rate=200.0, burst=200.0)
    collector = make_collector(only(backend, True))
    with load_of(collector) as load:
        wait_until(lambda: backend.refused(429), 10, "the first refusal")
        stays(lambda: collector.running, 8, "it died")
        share = used(backend, 200.0, 200.0)
    assert share >= 0.8
    nothing_stuck(collector, load, backend, timeout=20)


def test_phoenix_at_capacity_gets_the_rest_later(make_scripted, make_collector):
    backend = make_scripted("phoenix", rate=300.0, burst=100.0)  # 503 without a delay
    collector = make_collector(only(backend, False, ("traces",), retry_on_failure={
        "initial_interval": "300ms", "max_interval": "1s"}))
    with load_of(collector, ("traces",)) as load:
        wait_until(lambda: len(load.acked) > 1000, 10, "1000 spans")
    nothing_stuck(collector, load, backend, timeout=20)


# A backend that lets requests wait.

def quiet(collector):
    """No level fell and nothing was sent twice."""
    assert collector.lines_with("Destination is down") == []
    assert collector.lines_with("failover: level down") == []
    assert collector.metric(DUPLICATES) == 0


@pytest.mark.parametrize("levels", (1, 2))
def test_a_backend_that_lets_requests_wait_is_no_black_hole(make_scripted, make_collector, levels):
    primary, secondary = (make_scripted("victoria_metrics") for _ in range(2))
    collector = make_collector(two_levels(primary, secondary, batch=False) if levels == 2
                               else only(primary, False))
    with load_of(collector) as load:
        wait_until(lambda: len(primary.received) > 5, 10, "the load")
        # One at a time, also a greeting; slower and slower, as a queue in a backend does.
        primary.behave(workers=1, rate=60.0, burst=20.0, waits=True)
        stays(lambda: collector.running, 8, "it died")
        primary.behave()
    nothing_lost(load.acked, primary, timeout=20)
    assert primary.ids().most_common(1)[0][1] == 1, "it got the same data twice"
    assert not secondary.received
    quiet(collector)


def test_a_backend_with_one_worker_does_not_fall_again_after_its_return(
        make_scripted, make_collector):
    primary, secondary = (make_scripted("victoria_logs", workers=1, delays=(0.3,))
                          for _ in range(2))
    collector = make_collector(two_levels(primary, secondary, batch=True, backfill={"rate": 0}))
    with load_of(collector, ("logs",)) as load:
        wait_until(lambda: len(primary.received) > 3, 10, "the load")
        primary.close()
        wait_until(lambda: len(secondary.received) > 8, 15, "the secondary")
        primary.open()
        wait_until(lambda: collector.lines_with("failback complete"), 15, "the return")
        stays(lambda: len(collector.lines_with("failover: level down")) == 1, 5, "it fell again")
    primary.wait_for_ids(load.acked, timeout=40)


def test_a_frozen_backend_that_was_slow_before_is_still_found_out(make_scripted, make_collector):
    primary = make_scripted("victoria_metrics", delays=(0.8,))
    secondary = make_scripted("victoria_metrics")
    collector = make_collector(two_levels(primary, secondary, batch=False))
    with load_of(collector) as load:
        wait_until(lambda: len(primary.received) > 20, 15, "the load")
        moment = primary.freeze()
        wait_until(lambda: secondary.received, 15, "the secondary")
        assert secondary.received[0].at - moment < 6 * SLOWNESS
        primary.thaw()
    nothing_lost(load.acked, primary, secondary)
