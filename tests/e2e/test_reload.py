"""SIGHUP: a good config takes over without a gap, a bad one changes nothing."""

import grpc
import pytest
import requests
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


def test_a_receiver_that_is_renamed_on_its_port_refuses_nobody(make_backend, make_collector):
    backend = make_backend()
    text = pass_through(backend, signals=("traces",))
    collector = make_collector(text)
    base = yaml.safe_load((collector.folder / "base.yaml").read_text())
    base["receivers"]["otlp/renamed"] = base["receivers"].pop("otlp")
    with Load(collector.grpc, ("traces",), connections=4, rate=100, transparent=True) as load:
        wait_until(lambda: len(backend.received) > 20, 10, "the load to run")
        collector.write_config("base", yaml.safe_dump(base))
        collector.write_config("config0", text.replace("- otlp\n", "- otlp/renamed\n"))
        answer = collector.ask_admin("POST", "/-/reload")
        assert answer.status_code == 200, answer.text
        assert answer.json()["started"] == ["receiver otlp/renamed"]
        before = load.requests
        wait_until(lambda: load.requests > before + 50, 10, "the load to go on")
    assert load.refused == []
    assert nothing_lost(load.acked, backend).duplicates == 0


def test_a_port_that_is_taken_keeps_the_former_configuration(
        make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend), "{}\n")
    taken = {"receivers": {"otlp": {"protocols": {"http": {"endpoint": backend.endpoint}}}}}
    collector.write_config("config1", yaml.safe_dump(taken))
    answer = collector.ask_admin("POST", "/-/reload")
    assert answer.status_code == 400
    assert "already in use" in answer.json()["error"]
    backend.wait_for_ids(client_of(collector).send("traces", 3))
    assert requests.post(collector.http + "/v1/traces", timeout=5, data=b"", headers={
        "Content-Type": "application/x-protobuf"}).status_code == 200


def test_metrics_move_with_their_config_and_stay_without_a_change(make_backend, make_collector):
    collector = make_collector(pass_through(make_backend()), "{}\n")
    with requests.Session() as session:
        url = f"http://{collector.host}:8888/metrics"
        session.get(url, timeout=5)
        assert collector.ask_admin("POST", "/-/reload").status_code == 200
        assert session.get(url, timeout=5).status_code == 200, "the connection was cut"
    reader = {"pull": {"exporter": {"prometheus": {"host": collector.host, "port": 8889}}}}
    collector.write_config("config1", yaml.safe_dump(
        {"service": {"telemetry": {"metrics": {"readers": [reader]}}}}))
    assert collector.ask_admin("POST", "/-/reload").status_code == 200
    assert "otelcol_process_uptime" in requests.get(
        f"http://{collector.host}:8889/metrics", timeout=5).text


@pytest.mark.parametrize("way", ("in place", "renamed", "config map"))
def test_a_watched_file_that_changes_is_read_again(make_backend, make_collector, way):
    old, new = make_backend("old"), make_backend("new")
    collector = make_collector(pass_through(old), args=("--watch",), wait=False)
    path = collector.folder / "config0.yaml"
    if way == "config map":
        collector.process.kill()
        collector.process.wait()
        for version, backend in (("..1", old), ("..2", new)):
            (collector.folder / version).mkdir()
            (collector.folder / version / "config0.yaml").write_text(pass_through(backend))
        (collector.folder / "..data").symlink_to("..1")
        path.unlink()
        path.symlink_to("..data/config0.yaml")
        collector.start(wait=False)
    collector.wait_for_log("Everything is ready.", timeout=20)
    with Load(collector.grpc, ("traces",), connections=2, rate=50) as load:
        wait_until(lambda: old.received, 10, "the load at the old backend")
        if way == "in place":
            path.write_text(pass_through(new))
        elif way == "renamed":
            (collector.folder / "next").write_text(pass_through(new))
            (collector.folder / "next").rename(path)
        else:
            (collector.folder / "..tmp").symlink_to("..2")
            (collector.folder / "..tmp").rename(collector.folder / "..data")
        wait_until(lambda: new.received, 10, "the load at the new backend")
    assert load.refused == []


def variation(text, turn):
    """A config and whether it is good; what the traces' connector is made of never changes."""
    config = yaml.safe_load(text)
    logs = config["service"]["pipelines"]["logs"]
    kind = turn % 5
    if kind == 1:
        config["exporters"]["otlp/logs"]["timeout"] = f"{turn + 1}s"
    elif kind == 2:
        config["exporters"]["otlp/other"] = config["exporters"].pop("otlp/logs")
        logs["exporters"] = ["otlp/other"]
    elif kind == 3:
        config["receivers"] = {"otlp": {"protocols": {"grpc": {"include_metadata": True}}}}
    elif kind == 4:
        config["exporters"]["otlp/logs"]["tiemout"] = "1s"
    return yaml.safe_dump(config), kind != 4


@pytest.mark.heavy
def test_a_hundred_reloads_under_load_lose_and_refuse_nothing(make_backend, make_collector):
    primary, secondary, third = (make_backend(name) for name in ("primary", "secondary", "third"))
    config = yaml.safe_load(failover(primary, secondary, signals=("traces",),
                                     connector={"retry_interval": "600s", "hold": "600s"}))
    config["exporters"]["otlp/logs"] = {"endpoint": third.endpoint, "tls": {"insecure": True}}
    config["service"]["pipelines"]["logs"] = {"receivers": ["otlp"], "exporters": ["otlp/logs"]}
    text = yaml.safe_dump(config)
    collector = make_collector(text)
    with Load(collector.grpc, ("traces", "logs"), connections=6, rate=150,
              transparent=True) as load:
        wait_until(lambda: primary.received and third.received, 10, "the load to run")
        primary.kill()
        labels = {"connector": "failover/traces", "signal": "traces"}
        active = "otelcol_connector_failover_active_level"
        wait_until(lambda: collector.metric(active, **labels) == 1, 10, "level 1")
        for turn in range(100):
            changed, good = variation(text, turn)
            collector.write_config("config0", changed)
            answer = collector.ask_admin("POST", "/-/reload")
            assert answer.status_code == (200 if good else 400), answer.text
            if good:
                assert "queue failover/traces (traces)" in answer.json()["kept"]
            known = load.requests
            wait_until(lambda known=known: load.requests > known + 5, 10, "the load to go on")
    assert load.refused == [], "sockets or requests were lost"
    verdict = nothing_lost(load.acked, primary, secondary, third)
    assert collector.metric("otelcol_connector_failover_count", **labels) == 1
    assert collector.metric(active, **labels) == 1, "the failover state was lost"
    print(f"{load.requests} requests, {verdict}")
    conserved(collector)
    assert collector.stop() == 0


def test_a_durable_queue_leaves_and_returns_in_quick_succession(
        make_backend, make_collector, tmp_path):
    backend = make_backend()
    queue = {"sending_queue": {"storage": "file_storage"}}
    config = yaml.safe_load(pass_through(backend, signals=("traces",), **queue))
    config["extensions"] = {"file_storage": {"directory": str(tmp_path)}}
    config["service"]["extensions"] = ["file_storage"]
    text = yaml.safe_dump(config)
    other = text.replace("otlp/only", "otlp/other")
    collector = make_collector(text)
    with Load(collector.grpc, ("traces",), connections=4, rate=200, transparent=True) as load:
        for turn in range(30):
            collector.write_config("config0", text if turn % 2 else other)
            answer = collector.ask_admin("POST", "/-/reload")
            assert answer.status_code == 200, answer.text
        wait_until(lambda: load.requests > 50, 10, "the load")
    assert load.refused == []
    assert nothing_lost(load.acked, backend).duplicates == 0
    conserved(collector)
