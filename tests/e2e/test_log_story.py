"""The guide's grep on the log tells what happened, on less than a page."""

import pytest

from harness import story
from harness.configs import failover
from harness.items import SIGNALS
from harness.load import Load
from harness.wait import stays, wait_until

WAYS = {
    "refused": (lambda b: b.close(), lambda b: b.open()),
    "black hole": (lambda b: b.blackhole(), lambda b: b.unblackhole()),
    "UNAVAILABLE": (lambda b: b.behave("UNAVAILABLE"), lambda b: b.behave()),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_outage_reads_as_a_story(make_backend, make_collector, way):
    gone, back = WAYS[way]
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary))
    with Load(collector.grpc, SIGNALS, connections=3, rate=60) as load:
        wait_until(lambda: len(primary.received) > 10, 10, "the load at the primary")
        gone(primary)
        wait_until(lambda: len(secondary.received) > 10, 10, "the load at the secondary")
        stays(lambda: collector.running, 5, "it died")
        back(primary)
        wait_until(lambda: len(collector.lines_with("failback complete")) == 3, 15,
                   "three failbacks")
        assert load.refused == []
    for signal in SIGNALS:
        for line in story.check(collector, signal, f"failover/{signal}"):
            print(line.raw)


def test_a_long_outage_does_not_fill_the_log(make_backend, make_collector):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(
        primary, secondary, signals=("traces",), connector={"retry_interval": "200ms"}))
    with Load(collector.grpc, ("traces",), connections=3, rate=60):
        wait_until(lambda: len(primary.received) > 10, 10, "the load at the primary")
        primary.close()
        wait_until(lambda: len(secondary.received) > 10, 10, "the load at the secondary")
        before = len(story.grep(collector))
        stays(lambda: collector.running, 6, "it died")
        # Dozens of probe rounds later the page has hardly grown.
        assert len(story.grep(collector)) - before <= 4


def test_both_levels_down_is_an_error_and_its_end_is_told(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("logs",)))
    client = client_of(collector)
    client.send("logs")
    primary.close()
    secondary.close()
    collector.wait_for_log("no level is usable")
    assert [line.level for line in collector.lines_with("no level is usable")] == ["error"]
    client.send("logs")
    secondary.open()
    collector.wait_for_log("a level is usable again")
