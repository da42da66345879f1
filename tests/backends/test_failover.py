"""Two backends: the first is away and comes back, with failover, with backfill, with fan-out."""

import pytest

from real.case import pause
from real.collectors import wait_for_backfill
from real.kinds import NAMES
from test_away import outage


@pytest.mark.parametrize("way", ("killed", "frozen 20 s"))
@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.ours
def test_the_second_takes_over_and_nothing_is_missing(case, kind, way):
    case.store(kind, bare=True)
    second = case.store(kind, bare=True)
    case.run(case.config(kind).without_backfill())
    load = outage(case, way, after=12)
    result = case.nothing_lost(load)
    assert second.stored(), "the second was never used"
    if way != "killed":
        assert result.lost_by_backend == 0


@pytest.mark.parametrize("way", ("killed", "frozen 20 s"))
@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.ours
def test_with_backfill_the_first_has_everything_in_the_end(case, kind, way):
    first, second = case.store(kind), case.store(kind)
    case.run(case.config(kind))
    load = outage(case, way, after=12)
    case.nothing_missing(load)
    assert second.stored(), "the second was never used"
    wait_for_backfill(case.collector)
    result = case.nothing_missing(load)
    missing = load.acked - first.stored().keys()
    case.note(missing_on_a=len(missing), twice=result.twice)
    assert not missing, f"the first lacks {len(missing)} items after the backfill"


@pytest.mark.ours
def test_prometheus_out_of_the_box_frozen_with_failover(case, run):
    stores = [case.store("prometheus", bare=True) for _ in range(2)]
    case.run(case.config("prometheus").without_backfill())
    load = outage(case, "frozen 20 s", items=60, after=10)
    case.settle(load)
    overlaps = sum(store.tap.overlaps(load.client_of) for store in stores)
    case.note(overlapping_requests=overlaps)
    result = case.nothing_missing(load)
    assert result.refused == 0 and overlaps == 0


@pytest.mark.parametrize("kind", NAMES)
def test_with_fan_out_each_gets_everything(case, kind):
    first, second = case.store(kind, bare=True), case.store(kind, bare=True)
    case.run(case.config(kind).direct())
    load = outage(case, "restarted")
    for store in (second, first):
        result = case.nothing_missing(load, stores=[store])
        case.note(**{f"missing_on_{store.label}": result.acknowledged - len(store.stored())})
