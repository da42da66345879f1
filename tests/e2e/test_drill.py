"""gapless drill: an outage that is only played, and its report."""

import pytest

from harness.collector import run_cli
from harness.configs import failover
from harness.load import Load
from harness.oracle import conserved, nothing_lost


def drill(collector, *args):
    return run_cli("drill", "--connector", "failover/traces", "--admin", collector.admin,
                   "--for", "5s", "--wait", "30s", *args, timeout=60)


@pytest.mark.parametrize("outage", ("refuse", "blackhole", "slow", "5xx"))
def test_a_drill_shows_the_switch_and_the_way_back(make_backend, make_collector, outage):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    # A slow peer is noticed by the timeout.
    collector = make_collector(failover(primary, secondary, signals=("traces",),
                                        exporters={"timeout": "1s"}))
    with Load(collector.grpc, ("traces",), connections=2, rate=50) as load:
        report = drill(collector, "--outage", outage)
        arrived = len(secondary.received)
    print(report.stdout)
    assert report.returncode == 0, report.stdout + report.stderr
    assert "data on another backend: yes, otlp/secondary" in report.stdout
    assert "gaps in the timeline: none" in report.stdout
    assert "back on otlp/primary: yes" in report.stdout
    assert arrived > 20, "the secondary got nothing"
    assert load.refused == []
    nothing_lost(load.acked, primary, secondary)
    conserved(collector)


def test_a_drill_without_a_second_backend_fails(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    run_cli("failover", "drain", "failover/traces", "1", "--admin", collector.admin)
    report = drill(collector, "--outage", "refuse")
    assert report.returncode == 1
    assert "the level was not left" in report.stdout


def test_a_drill_of_nothing_is_an_error(make_backend, make_collector):
    collector = make_collector(failover(make_backend(), make_backend(), signals=("traces",)))
    report = run_cli("drill", "--connector", "failover/none", "--admin", collector.admin)
    assert report.returncode == 1
    assert "failover/none" in report.stderr
