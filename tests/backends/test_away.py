"""The only backend is away and comes back: everything waits, and everything arrives."""

import pytest

from real.case import pause
from real.kinds import NAMES

WAYS = {"restarted": 10, "frozen 3 s": 3, "frozen 20 s": 20}


def take_away(store, way):
    """Gone for the time of that way, and back."""
    if way == "restarted":
        store.stop()
    elif way.startswith("killed"):
        store.kill()
    else:
        store.freeze()
    pause({**WAYS, "killed": 10, "killed 20 s": 20}[way])
    if way.startswith("frozen"):
        store.thaw()
    else:
        store.start()


def outage(case, way, items=20, before=4, after=6):
    """A load over an outage of the first store; ended."""
    with case.load(items=items) as load:
        pause(before)
        take_away(case.stores[0], way)
        pause(after)
    return load


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", NAMES)
def test_what_waited_arrives_when_the_backend_is_back(case, kind, way):
    case.store(kind, bare=True)
    case.run(case.config(kind).direct())
    case.nothing_missing(outage(case, way))


@pytest.mark.parametrize("kind", NAMES)
def test_kill_9_loses_only_what_the_backend_loses(case, kind):
    case.store(kind, bare=True)
    case.run(case.config(kind).direct())
    case.nothing_lost(outage(case, "killed"))


@pytest.mark.parametrize("kind", NAMES)
def test_a_backend_that_is_started_last_gets_everything(case, kind):
    store = case.store(kind, start=False, bare=True)
    case.run(case.config(kind).direct())
    with case.load(items=60) as load:
        pause(10)
        store.start()
        pause(3)
    case.nothing_missing(load)


def test_a_backlog_above_the_largest_message_of_the_backend_arrives(case):
    """Jaeger takes 4 MiB in one message, and 15 MiB wait for it."""
    store = case.store("jaeger")
    case.run(case.config("jaeger").direct())
    with case.load(padding=4096) as load:
        pause(2)
        store.stop()
        pause(10)
        store.start()
        pause(3)
    case.nothing_missing(load)


@pytest.mark.parametrize("merged", ("batch", "no-batch"))
@pytest.mark.parametrize("way", ("killed 20 s", "frozen 3 s"))
def test_prometheus_out_of_the_box_refuses_nothing_after_an_outage(case, way, merged, run):
    store = case.store("prometheus", bare=True)
    config = case.config("prometheus").direct()
    case.run(config if merged == "batch" else config.without_batch())
    load = outage(case, way, items=60, after=10)
    case.settle(load)
    overlaps = store.tap.overlaps(load.client_of)
    case.note(overlapping_requests=overlaps)
    result = case.nothing_missing(load)
    assert result.refused == 0 and overlaps == 0
    assert not [answer for answer in store.tap.answers if answer.status == 400]
