"""SIGHUP: a good config takes over without a gap, a bad one changes nothing."""

import grpc
import pytest
import yaml

from harness.configs import failover, pass_through
from harness.items import make_body
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.wait import stays, wait_until


def errors(collector):
    return [line for line in collector.log_lines() if line.level == "error"]


@pytest.mark.smoke
def test_a_good_config_takes_over_under_load_without_a_refused_request(
        make_backend, make_collector):
    old, new = make_backend("old"), make_backend("new")
    collector = make_collector(pass_through(old))
    with Load(collector.grpc, ("traces",), connections=4, rate=100) as load:
        wait_until(lambda: len(old.received) > 20, 10, "the load at the old backend")
        collector.write_config("config0", pass_through(new))
        collector.reload()
        wait_until(lambda: len(new.received) > 20, 15, "the load at the new backend")
    assert load.refused == [], "the sockets were not kept"
    verdict = nothing_lost(load.acked, old, new)
    assert verdict.duplicates == 0
    assert collector.stop() == 0


BAD = {
    "not YAML": "exporters: [\n",
    "an unknown key": "exporters: {otlp/only: {endpont: x}}\n",
    "an undefined exporter": "service: {pipelines: {traces: {exporters: [otlp/none]}}}\n",
    "a wrong type": "exporters: {otlp/only: {timeout: [1]}}\n",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_config_changes_nothing_and_says_why(
        make_backend, make_collector, client_of, kind):
    backend = make_backend()
    collector = make_collector(pass_through(backend), "{}\n")
    client = client_of(collector)
    backend.wait_for_ids(client.send("traces"))
    collector.write_config("config1", BAD[kind])
    collector.reload()
    wait_until(lambda: errors(collector), 5, "an error in the log")
    backend.wait_for_ids(client.send("traces", 3))
    # Repaired, the next SIGHUP works.
    collector.write_config("config1", "{}\n")
    collector.reload()
    known = len(errors(collector))
    stays(lambda: len(errors(collector)) == known, 1, "the repaired config is refused as well")
    backend.wait_for_ids(client.send("traces", 3))
    assert collector.stop() == 0


def test_the_data_of_an_outage_outlives_a_reload(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    text = failover(primary, secondary, signals=("traces",))
    collector = make_collector(text)
    client = client_of(collector)
    primary.kill()
    secondary.kill()
    ids = [number for _ in range(20) for number in client.send("traces", 2)]
    changed = yaml.safe_load(text)
    changed["processors"] = {"batch": {"timeout": "50ms"}}
    changed["service"]["pipelines"]["traces/ingress"]["processors"] = ["batch"]
    collector.write_config("config0", yaml.safe_dump(changed))
    collector.reload()
    ids += [number for _ in range(20) for number in client.send("traces", 2)]
    secondary.start()
    secondary.wait_for_ids(ids, timeout=15)
    conserved(collector)


def test_the_failover_state_outlives_a_reload(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    long = {"retry_interval": "120s", "hold": "120s"}
    text = failover(primary, secondary, signals=("traces",), connector=long)
    collector = make_collector(text)
    client = client_of(collector)
    primary.behave("UNAVAILABLE")
    secondary_ids = [number for _ in range(10) for number in client.send("traces")]
    secondary.wait_for_ids(secondary_ids)
    attempts = primary.counters()["attempts"]
    changed = yaml.safe_load(text)
    changed["exporters"]["debug"] = {}
    collector.write_config("config0", yaml.safe_dump(changed))
    collector.reload()
    for _ in range(10):
        secondary.wait_for_ids(client.send("traces"), timeout=1)
    stays(lambda: primary.counters()["attempts"] == attempts, 1.5,
          "after the reload the primary was tried as if nothing had happened")


def test_an_exporter_that_leaves_the_config_still_delivers_what_it_holds(
        make_backend, make_collector, client_of):
    old, new = make_backend("old"), make_backend("new")
    old.kill()
    retry = {"retry_on_failure": {"initial_interval": "200ms", "max_interval": "1s"}}
    collector = make_collector(pass_through(old, **retry))
    client = client_of(collector)
    held = [number for _ in range(10) for number in client.send("traces", 2)]
    text = pass_through(new).replace("otlp/only", "otlp/other")
    collector.write_config("config0", text)
    collector.reload()
    wait_until(lambda: client.send("traces") and new.received, 10, "the new exporter")
    old.start()
    old.wait_for_ids(held, timeout=15)


def test_a_signal_that_a_new_config_adds_is_served(make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    client = client_of(collector)
    body, ids = make_body("logs", 2)
    assert client.export("logs", body)[0] is grpc.StatusCode.UNIMPLEMENTED
    collector.write_config("config0", pass_through(backend, signals=("traces", "logs")))
    collector.reload()
    wait_until(lambda: client.export("logs", body)[0] is grpc.StatusCode.OK, 10, "logs to be taken")
    backend.wait_for_ids(ids)
