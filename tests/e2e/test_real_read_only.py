"""Backends that take nothing, being full or throttled without end, are left and taken again; their
words are shown."""

import pytest
import yaml

from harness.collector import SLOWNESS, run_cli
from harness.configs import failover
from harness.oracle import conserved, nothing_lost
from harness.real_answers import detail
from harness.refusals import BATCH, dropped, load_of, one_exporter, settled, signal_of, two_levels
from harness.wait import stays, wait_until


# Read-only.

@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_a_read_only_backend_that_says_429_is_left_and_taken_again(
        make_scripted, make_collector, batch):
    primary, secondary = make_scripted("victoria_logs"), make_scripted("victoria_logs")
    collector = make_collector(two_levels(primary, secondary, batch,
                                          connector={"overflow_after": "3s"}))
    read_only_and_back(collector, primary, secondary, within=8)


@pytest.mark.long
@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_a_read_only_backend_that_says_429_is_left_after_thirty_seconds(
        make_scripted, make_collector, batch):
    primary, secondary = make_scripted("victoria_logs"), make_scripted("victoria_logs")
    collector = make_collector(two_levels(primary, secondary, batch))
    read_only_and_back(collector, primary, secondary, within=40)


def test_what_waits_for_a_read_only_backend_moves_on_without_new_data(
        make_scripted, make_collector, client_of):
    primary = make_scripted("victoria_logs", read_only=True)
    secondary = make_scripted("victoria_logs")
    collector = make_collector(two_levels(primary, secondary, True,
                                          connector={"overflow_after": "2s"}))
    client = client_of(collector)
    ids = [number for _ in range(20) for number in client.send("logs", 5)]
    secondary.wait_for_ids(ids, timeout=10 * SLOWNESS)
    assert dropped(collector) == 0


@pytest.mark.parametrize("protocol", ("grpc", "http"))
def test_a_backend_that_throttles_with_a_delay_and_without_end_is_left_too(
        make_backend, make_collector, protocol):
    primary, secondary = (make_backend(name, protocol=protocol) for name in ("one", "two"))
    collector = make_collector(failover(primary, secondary, signals=("logs",), processors=BATCH,
                                        connector={"overflow_after": "3s"}))
    with load_of(collector, "logs") as load:
        wait_until(lambda: len(primary.received) > 3, 10, "the load at the primary")
        moment = primary.behave("RESOURCE_EXHAUSTED", retry_after=1.0)
        wait_until(lambda: secondary.received, 10 * SLOWNESS, "the secondary to be used")
        assert secondary.received[0].at - moment > 2
        primary.behave()
        begin = len(primary.received)
        wait_until(lambda: len(primary.received) > begin + 20, 20, "the return")
    nothing_lost(load.acked, primary, secondary)


def read_only_and_back(collector, primary, secondary, within):
    with load_of(collector, "logs") as load:
        settled(primary)
        moment = primary.behave(read_only=True)
        wait_until(lambda: secondary.received, within * SLOWNESS, "the secondary to be used")
        taken = secondary.received[0].at - moment
        print(f"on the secondary after {taken:.1f} s")
        assert taken > 2, "one refusal is no outage"
        settled(secondary, 20)
        primary.behave()
        settled(primary, 20)
    nothing_lost(load.acked, primary, secondary, timeout=30)
    assert load.refused == []
    assert dropped(collector) == 0
    conserved(collector)


@pytest.mark.parametrize("profile", ("victoria_metrics", "phoenix", "mlflow"))
def test_a_read_only_backend_that_answers_empty_exports_is_left_and_taken_again(
        make_scripted, make_collector, profile):
    primary, secondary = make_scripted(profile), make_scripted(profile)
    headers = {"headers": {"X-MLflow-Experiment-Id": "0"}}
    config = yaml.safe_load(two_levels(primary, secondary))
    for exporter in config["exporters"].values():
        exporter.update(headers)
    collector = make_collector(yaml.safe_dump(config))
    with load_of(collector, signal_of(primary)) as load:
        settled(primary)
        primary.behave(read_only=True)
        settled(secondary, 40)
        primary.behave()
        settled(primary, 20)
    nothing_lost(load.acked, primary, secondary, timeout=30)
    # Its probes are good all the while: it must not be taken for well because of them.
    assert collector.metric("otelcol_connector_failover_switches") == 2
    assert dropped(collector) == 0


def test_a_full_disk_keeps_the_data_of_a_single_exporter(make_scripted, make_collector):
    backend = make_scripted("victoria_logs", read_only=True)
    collector = make_collector(one_exporter(backend))
    with load_of(collector, "logs") as load:
        wait_until(lambda: len(backend.refused(429)) >= 3, 20, "three refusals")
        backend.behave()
        settled(backend)
    nothing_lost(load.acked, backend, timeout=40)
    assert dropped(collector) == 0


# The words.

def test_the_words_of_a_refusal_stand_in_the_log_and_in_the_status(make_scripted, make_collector):
    primary, secondary = make_scripted("phoenix"), make_scripted("phoenix")
    collector = make_collector(two_levels(primary, secondary))
    words = "insufficient storage"
    with load_of(collector, "traces") as load:
        settled(primary)
        primary.behave(read_only=True)
        settled(secondary)
        [down, *_] = collector.lines_with("failover: level down")
        assert words in down.raw
        shown = run_cli("failover", "status", "--admin", collector.admin).stdout
        assert words in shown, shown
    nothing_lost(load.acked, primary, secondary)


def test_a_condition_on_the_words_of_the_body_decides(make_scripted, make_collector):
    primary, secondary = make_scripted("phoenix"), make_scripted("phoenix")
    condition = {"condition": {"error": {"contains": "insufficient storage"}}}
    collector = make_collector(two_levels(primary, secondary, connector=condition))
    with load_of(collector, "traces") as load:
        settled(primary)
        primary.behave(refuse_data=detail(503, "something else"))
        stays(lambda: not secondary.received, 3, "other words count as well")
        primary.behave(read_only=True)
        settled(secondary)
    nothing_lost(load.acked, primary, secondary)
