"""Metrics stay in order on every level, path and target, through each hand-over and return."""

from dataclasses import replace

import pytest
import yaml

from harness.ordered import (
    BUSY,
    DELAYS,
    WAYS,
    in_order,
    levels,
    load_of,
    nothing_dropped,
    only,
    settled,
)
from harness.real_answers import PROMETHEUS


# Handed over, and back.

@pytest.mark.parametrize("way", WAYS)
def test_metrics_stay_in_order_on_both_levels_through_a_switch_and_back(
        make_scripted, make_collector, way):
    primary, secondary = (make_scripted("prometheus", delays=DELAYS) for _ in range(2))
    collector = make_collector(levels(primary, secondary))
    gone, back = WAYS[way](primary)
    with load_of(collector) as load:
        settled(primary)
        gone()
        settled(secondary, 20)
        back()
        settled(primary, 20)
    in_order(load, primary, secondary)
    assert load.refused == []
    nothing_dropped(collector)
    assert collector.stop() == 0


def test_metrics_stay_in_order_on_a_level_that_is_drained_and_taken_again(
        make_scripted, make_collector):
    primary, secondary = (make_scripted("prometheus", delays=(0.3, 0.05, 0.2)) for _ in range(2))
    collector = make_collector(levels(primary, secondary))
    with load_of(collector) as load:
        for _ in range(3):
            settled(primary)
            collector.ask_admin("POST", "/failover/drain", connector="failover/metrics", level=0)
            settled(secondary)
            collector.ask_admin("POST", "/failover/auto", connector="failover/metrics")
    in_order(load, primary, secondary)
    nothing_dropped(collector)


def test_old_metrics_of_a_backfill_are_never_in_flight_beside_new_ones(
        make_scripted, make_collector):
    # With a window for old samples, as backfill needs it; the order is seen by the overlaps alone.
    profile = replace(PROMETHEUS, ordered=False)
    primary, secondary = (make_scripted(profile, delays=DELAYS) for _ in range(2))
    collector = make_collector(levels(primary, secondary, backfill={"rate": 0}))
    with load_of(collector) as load:
        settled(primary)
        primary.close()
        settled(secondary, 40)
        primary.open()
        settled(primary, 30)
    primary.wait_for_ids(load.acked, timeout=30)
    in_order(load, primary, secondary)


def test_both_targets_of_a_fan_out_get_metrics_in_order(make_scripted, make_collector):
    one, two = (make_scripted("prometheus", delays=DELAYS) for _ in range(2))
    config = yaml.safe_load(only(one, False))
    [(name, settings)] = config["exporters"].items()
    config["exporters"]["otlphttp/other"] = {**settings, "endpoint": f"http://{two.endpoint}"}
    config["service"]["pipelines"]["metrics"]["exporters"] = [name, "otlphttp/other"]
    collector = make_collector(yaml.safe_dump(config))
    with load_of(collector) as load:
        settled(two)
        one.close()
        settled(two, 20)
        one.open()
        settled(one, 20)
    for backend in (one, two):
        in_order(load, backend)
    nothing_dropped(collector)


def test_both_paths_of_one_level_get_metrics_in_order(make_scripted, make_collector):
    one, two, spare = (make_scripted("prometheus", delays=DELAYS) for _ in range(3))
    config = yaml.safe_load(levels(one, two, spare))
    config["connectors"]["failover/metrics"]["priority_levels"] = [
        ["otlphttp/primary", "otlphttp/secondary"], ["otlphttp/third"]]
    collector = make_collector(yaml.safe_dump(config))
    with load_of(collector) as load:
        settled(two)
        one.behave(delays=DELAYS, refuse_data=BUSY, every=2)
        settled(two, 30)
        one.close()
        settled(spare, 20)
        one.behave(delays=DELAYS)
        one.open()
        settled(one, 20)
    in_order(load, one, two, spare)
    nothing_dropped(collector)


def test_metrics_stay_in_order_while_the_primary_flaps(make_scripted, make_collector):
    primary, secondary = (make_scripted("prometheus", delays=DELAYS) for _ in range(2))
    collector = make_collector(levels(primary, secondary, hold="200ms", retry_interval="300ms"))
    with load_of(collector, rate=40) as load:
        for _ in range(3):
            settled(primary)
            primary.close()
            settled(secondary)
            primary.open()
    in_order(load, primary, secondary)
    nothing_dropped(collector)
