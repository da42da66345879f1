"""Backends that keep an order per series, as Prometheus and Cortex do, refuse what comes second:
data of one resource must never overtake itself, whatever happens to the backend."""

import pytest
import yaml

from harness.configs import pass_through
from harness.oracle import nothing_lost
from harness.ordered import (
    BUSY,
    DELAYS,
    METRICS,
    WAYS,
    in_order,
    load_of,
    nothing_dropped,
    only,
    settled,
)
from harness.wait import stays, wait_until


# Away, with one exporter.

@pytest.mark.parametrize("batch, protocol", ((False, "http"), (True, "http"), (False, "grpc")),
                         ids=("plain", "batch", "grpc"))
@pytest.mark.parametrize("way", WAYS)
def test_metrics_reach_prometheus_in_order_after_it_was_away(
        make_scripted, make_collector, way, batch, protocol):
    backend = make_scripted("prometheus", protocol=protocol, delays=DELAYS)
    collector = make_collector(only(backend, batch))
    gone, back = WAYS[way](backend)
    with load_of(collector) as load:
        settled(backend)
        gone()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        back()
        settled(backend)
    in_order(load, backend)
    assert load.refused == []
    nothing_dropped(collector)
    assert collector.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_metrics_reach_prometheus_in_order_after_twenty_seconds_with_default_settings(
        make_scripted, make_collector, batch):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(pass_through(backend, METRICS, ("batch",) if batch else ()))
    with load_of(collector, rate=60) as load:
        settled(backend)
        backend.close()
        stays(lambda: collector.running, 20, "it died")
        backend.open()
        settled(backend)
    nothing_lost(load.acked, backend, timeout=60)
    in_order(load, backend)
    nothing_dropped(collector)


def test_metrics_survive_a_prometheus_that_is_killed_and_replays_its_log(
        make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(only(backend, batch=False))
    with load_of(collector) as load:
        settled(backend)
        backend.kill()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 400, 15, "load while it is away")
        backend.start()
        backend.behave(delays=DELAYS, starting=True)
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 400, 15, "load while it replays")
        backend.behave(delays=DELAYS)
        settled(backend)
    # What it had stored without an answer comes again: the same samples, which it takes.
    in_order(load, backend)
    nothing_dropped(collector)


def test_cortex_gets_metrics_in_order_after_it_was_away(make_scripted, make_collector):
    backend = make_scripted("cortex", delays=DELAYS)
    collector = make_collector(only(backend, True, headers={"X-Scope-OrgID": "tests"}))
    with load_of(collector) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        backend.open()
        settled(backend)
    in_order(load, backend)
    nothing_dropped(collector)


# Tried again, cut, throttled.

@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_what_is_tried_again_goes_before_what_is_younger(make_scripted, make_collector, batch):
    backend = make_scripted("prometheus", delays=DELAYS, refuse_data=BUSY, every=3)
    collector = make_collector(only(backend, batch, retry_on_failure={
        "initial_interval": "300ms", "max_interval": "500ms"}))
    with load_of(collector, rate=40) as load:
        wait_until(lambda: len(backend.refused(503)) > 10, 20, "ten refusals")
    backend.behave(delays=DELAYS)
    in_order(load, backend)
    nothing_dropped(collector)


def test_the_pieces_of_a_request_that_was_too_large_stay_in_order(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS, items_max=100)
    collector = make_collector(only(backend, True))
    with load_of(collector, rate=40) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        backend.open()
        settled(backend)
    in_order(load, backend)
    assert backend.refused(413), "nothing was too large, so this test proves nothing"
    nothing_dropped(collector)


def test_the_pieces_of_one_large_request_stay_in_order(make_scripted, make_collector, client_of):
    backend = make_scripted("prometheus", delays=DELAYS, items_max=30)
    collector = make_collector(only(backend, False))
    client = client_of(collector)
    # All points of one series: each piece is older than the next.
    ids = [number for _ in range(5) for number in client.send("metrics", 200)]
    backend.wait_for_ids(ids, timeout=20)
    assert not backend.refused(400) and not backend.overlaps(), backend.story()
    nothing_dropped(collector)


def test_batches_that_the_queue_cuts_to_size_stay_in_order(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    batch = {"flush_timeout": "100ms", "min_size": 50, "max_size": 50}
    collector = make_collector(only(backend, False, sending_queue={"batch": batch}))
    with load_of(collector, rate=40) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        backend.open()
        settled(backend)
    in_order(load, backend)
    assert max(len(answer.ids) for answer in backend.answers) <= 50
    nothing_dropped(collector)


def test_requests_of_one_resource_with_different_metadata_stay_in_order(
        make_scripted, make_collector, client_of):
    backend = make_scripted("prometheus", delays=DELAYS)
    batch = {"flush_timeout": "100ms", "min_size": 100,
             "partition": {"metadata_keys": ["x-part"]}}
    config = yaml.safe_load(only(backend, False, sending_queue={"batch": batch}))
    config["receivers"] = {"otlp": {"protocols": {"grpc": {"include_metadata": True}}}}
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    ids = []
    for turn in range(60):
        ids += client.send("metrics", 3, metadata=(("x-part", f"part-{turn % 3}"),))
    backend.wait_for_ids(ids, timeout=20)
    assert not backend.refused(400), backend.story()
    assert not backend.overlaps() and not backend.unstored()
    nothing_dropped(collector)


def test_metrics_stay_in_order_under_a_rate_limit(make_scripted, make_collector):
    backend = make_scripted("cortex", delays=DELAYS, rate=400.0, burst=400.0)
    collector = make_collector(only(backend, True, headers={"X-Scope-OrgID": "tests"}))
    with load_of(collector, rate=40) as load:
        wait_until(lambda: len(load.acked) > 2000, 20, "2000 points")
    in_order(load, backend)
    assert backend.refused(429), "nothing was throttled, so this test proves nothing"
    nothing_dropped(collector)
