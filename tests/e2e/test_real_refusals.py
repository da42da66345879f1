"""Backends that are asked in a way that they do not know refuse everything, often with 400. Nothing
is dropped on the word of a level that took nothing; a single bad request is another case."""

import json

import pytest
import requests
import yaml

from harness.collector import SLOWNESS, run_cli
from harness.configs import durable
from harness.items import make_body
from harness.loopback import free_endpoint
from harness.oracle import conserved, nothing_lost
from harness.real_answers import detail
from harness.refusals import (
    OWED,
    dropped,
    level,
    load_of,
    one_exporter,
    settled,
    signal_of,
    two_levels,
)
from harness.wait import stays, wait_until


# A configuration that the backend does not understand: what is wrong, how it is repaired.

WRONG = {
    "an unknown path at VictoriaMetrics": ("victoria_metrics", "path", "unsupported path"),
    "an unknown path at VictoriaLogs": ("victoria_logs", "path", "unsupported path"),
    "JSON at VictoriaLogs": ("victoria_logs", {"encoding": "json"}, "json encoding"),
    "zstd at Prometheus": ("prometheus", {"compression": "zstd"}, "unsupported compression"),
    "snappy at Cortex": ("cortex", {"compression": "snappy", "headers": {"X-Scope-OrgID": "a"}},
                         "unsupported compression"),
    "lz4 at VictoriaMetrics": ("victoria_metrics", {"compression": "lz4"}, "lz4"),
    "no experiment at MLflow": ("mlflow", {}, "x-mlflow-experiment-id"),
    "no tenant at Cortex": ("cortex", {}, "no org id"),
    "an unknown path at Phoenix": ("phoenix", "path", "Method Not Allowed"),
}
RIGHT = {"headers": {"X-Scope-OrgID": "a", "X-MLflow-Experiment-Id": "0"}}


def wrong_settings(backend, wrong):
    if wrong == "path":
        return {"endpoint": f"http://{backend.address}/wrong"}
    return dict(wrong)


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_configuration_of_the_only_exporter_drops_nothing(
        make_scripted, make_collector, case):
    name, wrong, words = WRONG[case]
    backend = make_scripted(name)
    signal = signal_of(backend)
    health = free_endpoint()
    extension = yaml.safe_dump({"extensions": {"health_check": {"endpoint": health}},
                                "service": {"extensions": ["health_check"]}})
    collector = make_collector(one_exporter(backend, **wrong_settings(backend, wrong)), extension)
    with load_of(collector, signal) as load:
        wait_until(lambda: len(backend.answers) >= 4, 15, "answers")
        stays(lambda: dropped(collector) == 0, 3, "data is dropped on its word")
        # Who looks finds out, wherever they look.
        told = [line for line in collector.lines_with(words) if line.level == "error"]
        assert told, f"no error in the log shows {words!r}"
        assert any(hint in line.raw for line in told for hint in ("path", "encoding", "headers")), \
            f"no hint what to check: {told[0].raw}"
        shown = requests.get(f"http://{health}/?verbose", timeout=5).text
        assert words in shown, f"the health page says nothing of it: {shown}"
        shown = json.dumps(collector.ask_admin("GET", "/status").json())
        assert words in shown, f"the status says nothing of it: {shown}"
        # Repaired, everything arrives.
        collector.write_config("config0", one_exporter(backend, **RIGHT))
        collector.reload()
        settled(backend)
    nothing_lost(load.acked, backend, timeout=30 * SLOWNESS)
    assert load.refused == []
    assert dropped(collector) == 0
    conserved(collector)
    assert collector.stop() == 0


@pytest.mark.parametrize("status, protocol", ((400, "http"), (422, "http"), (413, "http"),
                                              (400, "grpc"), (413, "grpc")))
def test_a_backend_that_refuses_all_and_is_repaired_gets_everything(
        make_scripted, make_collector, status, protocol):
    backend = make_scripted("jaeger", protocol=protocol, refuse_data=detail(status, "broken"))
    collector = make_collector(one_exporter(backend))
    with load_of(collector, "traces") as load:
        wait_until(lambda: len(backend.answers) >= 4, 15, "answers")
        stays(lambda: dropped(collector) == 0, 2, "data is dropped on its word")
        backend.behave()
        settled(backend)
    nothing_lost(load.acked, backend, timeout=30)
    assert dropped(collector) == 0
    conserved(collector)


def test_a_denied_level_that_is_repaired_without_a_reload_comes_back(
        make_scripted, make_collector):
    primary, secondary = make_scripted("mlflow"), make_scripted("jaeger")
    primary.behave(refuse_data=detail(400, "the schema of the database is too old"))
    connector = {"backfill": {"rate": 0}}
    collector = make_collector(two_levels(primary, secondary, exporter=RIGHT,
                                          connector=connector))
    with load_of(collector, "traces") as load:
        settled(secondary, 20)
        wait_until(lambda: level(collector, 0, "traces")["state"] == "down", 10, "the level down")
        primary.behave()
        settled(primary, 20)
    primary.wait_for_ids(load.acked, timeout=30 * SLOWNESS)
    assert dropped(collector) == 0
    assert load.refused == []


def test_what_a_wrong_configuration_held_back_is_delivered_after_a_restart_with_the_right_one(
        make_scripted, make_collector, client_of, tmp_path):
    backend = make_scripted("victoria_logs")
    wrong = one_exporter(backend, **wrong_settings(backend, "path"))
    collector = make_collector(durable(wrong, tmp_path / "journals"),
                               args=("--shutdown-timeout", "1s"))
    client = client_of(collector)
    ids = [number for _ in range(10) for number in client.send("logs", 3)]
    wait_until(lambda: len(backend.answers) >= 3, 15, "answers")
    collector.stop()
    collector.write_config("config0", durable(one_exporter(backend), tmp_path / "journals"))
    collector.start()
    backend.wait_for_ids(ids)
    assert dropped(collector) == 0


@pytest.mark.parametrize("case", ("an unknown path at VictoriaLogs", "zstd at Prometheus",
                                  "no experiment at MLflow"))
def test_a_level_with_a_wrong_configuration_is_left_as_denied(make_scripted, make_collector, case):
    name, wrong, words = WRONG[case]
    primary, secondary = make_scripted(name), make_scripted(name)
    signal = signal_of(primary)
    config = yaml.safe_load(two_levels(primary, secondary))
    config["exporters"]["otlphttp/secondary"].update(RIGHT)
    config["exporters"]["otlphttp/primary"].update(wrong_settings(primary, wrong))
    collector = make_collector(yaml.safe_dump(config))
    with load_of(collector, signal) as load:
        settled(secondary, 20)
        wait_until(lambda: level(collector, 0, signal)["state"] == "down", 10, "the level down")
        [down, *_] = collector.lines_with("failover: level down")
        assert down.fields["reason"] == "denied"
        assert words in down.raw
        shown = run_cli("failover", "status", "--admin", collector.admin).stdout
        assert words in shown, shown
        before = len(primary.refused())
        stays(lambda: len(primary.refused()) < before + 8, 3, "it is asked all the time")
    nothing_lost(load.acked, primary, secondary, timeout=20)
    assert load.refused == []
    assert dropped(collector) == 0


def test_what_a_denied_level_missed_is_owed_to_it_and_comes_after_the_repair(
        make_scripted, make_collector):
    primary, secondary = make_scripted("victoria_logs"), make_scripted("victoria_logs")
    wrong = {"endpoint": f"http://{primary.address}/wrong"}
    backfill = {"backfill": {"rate": 0}}
    collector = make_collector(two_levels(primary, secondary, exporter=wrong, connector=backfill))
    with load_of(collector, "logs") as load:
        settled(secondary, 20)
        stored = len(secondary.ids())
        wait_until(lambda: collector.metric(OWED) >= stored, 10, lambda: f"{stored} items owed")
        collector.write_config("config0", two_levels(primary, secondary, connector=backfill))
        collector.reload()
        settled(primary)
    primary.wait_for_ids(load.acked, timeout=30 * SLOWNESS)
    wait_until(lambda: collector.metric(OWED) == 0, 10, "nothing owed any more")
    given_up = "otelcol_connector_failover_backfill_given_up_items"
    assert collector.metric(given_up) == 0
    assert dropped(collector) == 0


def test_a_level_that_took_data_and_refuses_all_after_a_reload_is_left_again(
        make_scripted, make_collector):
    primary, secondary = make_scripted("prometheus"), make_scripted("prometheus")
    collector = make_collector(two_levels(primary, secondary))
    with load_of(collector, "metrics") as load:
        settled(primary)
        collector.write_config("config0", two_levels(primary, secondary,
                                                     exporter={"compression": "zstd"}))
        collector.reload()
        settled(secondary, 20)
        wait_until(lambda: level(collector, 0, "metrics")["state"] == "down", 10, "the level down")
    nothing_lost(load.acked, primary, secondary, timeout=20)
    assert dropped(collector) == 0
    assert load.refused == []


def test_a_denied_level_is_left_when_all_metrics_are_of_one_resource(
        make_scripted, make_collector, client_of):
    primary, secondary = make_scripted("prometheus"), make_scripted("prometheus")
    collector = make_collector(two_levels(primary, secondary, exporter={"compression": "zstd"}))
    client = client_of(collector)
    ids = [number for _ in range(10) for number in client.send("metrics")]
    secondary.wait_for_ids(ids, timeout=15)
    wait_until(lambda: level(collector, 0, "metrics")["state"] == "down", 10, "the level down")
    assert not secondary.refused(), secondary.story()
    assert dropped(collector) == 0


# One invalid record is something else.

def test_an_invalid_request_is_dropped_alone_where_others_are_taken(
        make_scripted, make_collector, client_of):
    backend = make_scripted("jaeger")
    collector = make_collector(one_exporter(backend))
    client = client_of(collector)
    good = client.send("traces", 2)
    backend.wait_for_ids(good)
    body, ids = make_body("traces", 3)
    backend.behave(invalid=frozenset(ids))
    client.export("traces", body)
    good = [number for _ in range(10) for number in client.send("traces", 2)]
    backend.wait_for_ids(good)
    wait_until(lambda: dropped(collector) == 3, 20, "the drop")
    assert not set(ids) & backend.ids().keys()
    told = collector.lines_with("Dropping data")
    assert told and "invalid item: out of bounds" in told[0].raw, told
    conserved(collector)


@pytest.mark.parametrize("signal, profile", (("traces", "jaeger"), ("metrics", "prometheus")))
def test_an_invalid_first_request_waits_until_others_prove_that_it_is_to_blame(
        make_scripted, make_collector, client_of, signal, profile):
    backend = make_scripted(profile)
    collector = make_collector(one_exporter(backend))
    client = client_of(collector)
    body, ids = make_body(signal, 1)
    backend.behave(invalid=frozenset(ids))
    client.export(signal, body)
    wait_until(lambda: len(backend.refused()) >= 1, 10, "the first refusal")
    stays(lambda: dropped(collector) == 0, 2, "dropped on the word of a level that took nothing")
    # Of the same resource: what is behind it must get its turn.
    good = [number for _ in range(10) for number in client.send(signal, 2)]
    backend.wait_for_ids(good, timeout=20)
    wait_until(lambda: dropped(collector) == 1, 20, "the drop")
    conserved(collector)


def test_an_invalid_first_request_is_a_dead_letter_once_others_were_taken(
        make_scripted, make_collector, client_of, tmp_path):
    primary, secondary = make_scripted("jaeger"), make_scripted("jaeger")
    config = yaml.safe_load(two_levels(primary, secondary,
                                       connector={"dead_letter": "file/rejected"}))
    path = tmp_path / "rejected.jsonl"
    config["exporters"]["file/rejected"] = {"path": str(path)}
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    body, ids = make_body("traces", 1)
    for backend in (primary, secondary):
        backend.behave(invalid=frozenset(ids))
    client.export("traces", body)
    good = [number for _ in range(10) for number in client.send("traces", 2)]
    nothing_lost(good, primary, secondary)
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), 20, "the dead letter")
    assert ids[0].to_bytes(8, "big").hex() in path.read_text()
    assert "invalid item: out of bounds" in path.read_text()
    conserved(collector)


def test_a_level_that_refuses_data_with_400_but_is_known_as_well_is_not_left_for_it(
        make_scripted, make_collector):
    primary, secondary = make_scripted("jaeger"), make_scripted("jaeger")
    collector = make_collector(two_levels(primary, secondary))
    with load_of(collector, "traces", rate=40) as load:
        settled(primary)
        primary.behave(refuse_data=detail(400, "a bad span"), every=4)
        settled(primary, 40)
    primary.behave()
    nothing_lost(load.acked, primary, secondary, timeout=20)
    assert collector.metric("otelcol_connector_failover_switches") == 0
