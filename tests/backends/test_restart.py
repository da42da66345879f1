"""The collector itself is restarted while data waits for a backend that is away."""

import pytest

from real.case import pause
from real.kinds import NAMES


@pytest.mark.parametrize("kind", NAMES)
def test_a_backlog_that_outlived_a_restart_arrives_in_order(case, kind):
    store = case.store(kind, bare=True)
    collector = case.run(case.config(kind).direct())
    with case.load(items=60) as load:
        pause(3)
        store.stop()
        pause(6)
        collector.stop()
        store.start()
        collector.start()
        pause(4)
    case.nothing_missing(load)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.ours
def test_a_collector_that_was_killed_owes_nothing_in_the_end(case, kind):
    store = case.store(kind, bare=True)
    collector = case.run(case.config(kind).direct())
    with case.load(items=60) as load:
        pause(3)
        store.stop()
        pause(5)
        collector.process.kill()
        collector.wait_for_exit()
        collector.start()
        pause(2)
        store.start()
        pause(4)
    case.nothing_missing(load)
