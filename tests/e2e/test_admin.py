"""The admin API and its sub-commands: look at the failover, operate it, reload."""

import pytest
import requests
import yaml

from harness.collector import run_cli
from harness.configs import failover, pass_through
from harness.wait import wait_until


def status(collector, connector="failover/traces"):
    answer = collector.ask_admin("GET", "/failover/status", connector=connector)
    assert answer.status_code == 200
    (found,) = answer.json()["connectors"]
    return found


def failover_cli(collector, *args):
    return run_cli("failover", *args, "--admin", collector.admin)


@pytest.fixture
def pair(make_backend, make_collector):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    return primary, secondary, make_collector(failover(primary, secondary, signals=("traces",)))


@pytest.mark.smoke
def test_drain_moves_the_data_and_auto_brings_it_back(pair, client_of):
    primary, secondary, collector = pair
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces"))
    done = failover_cli(collector, "drain", "failover/traces", "otlp/primary")
    assert done.returncode == 0, done.stderr
    assert "drained" in done.stdout
    secondary.wait_for_ids(client.send("traces"), timeout=2)
    found = status(collector)
    assert found["active"] == "otlp/secondary"
    assert [level["operator"] for level in found["levels"]] == ["drained", "auto"]
    assert failover_cli(collector, "auto", "failover/traces").returncode == 0
    primary.wait_for_ids(client.send("traces"), timeout=2)


def test_force_holds_a_level_that_is_down(pair, client_of):
    primary, secondary, collector = pair
    client = client_of(collector)
    secondary.kill()
    assert failover_cli(collector, "switch", "failover/traces", "1").returncode == 0
    ids = client.send("traces")
    wait_until(lambda: status(collector)["levels"][1]["state"] == "down", 10, "level 1 down")
    assert status(collector)["active_level"] == 1
    assert failover_cli(collector, "auto", "failover/traces").returncode == 0
    primary.wait_for_ids(ids, timeout=10)


def test_a_probe_that_succeeds_ends_the_hold(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    long = {"retry_interval": "120s", "hold": "120s"}
    collector = make_collector(failover(primary, secondary, signals=("traces",), connector=long))
    client = client_of(collector)
    primary.kill()
    secondary.wait_for_ids(client.send("traces"), timeout=10)
    failed = failover_cli(collector, "probe", "failover/traces", "0")
    assert failed.returncode == 0 and "transport" in failed.stdout, failed.stdout
    primary.start()
    wait_until(lambda: "ok" in failover_cli(collector, "probe", "failover/traces", "0").stdout
               and status(collector)["active_level"] == 0, 10, "the primary to be used")
    primary.wait_for_ids(client.send("traces"))


def test_status_is_a_table_for_people(pair):
    _, _, collector = pair
    shown = failover_cli(collector, "status")
    assert shown.returncode == 0
    assert "failover/traces traces: level 0 (otlp/primary)" in shown.stdout
    assert "otlp/secondary" in shown.stdout


def test_wrong_names_are_answered_with_the_right_ones(pair):
    _, _, collector = pair
    unknown = failover_cli(collector, "drain", "failover/trace", "0")
    assert unknown.returncode == 1
    assert 'did you mean "failover/traces"' in unknown.stderr
    level = failover_cli(collector, "drain", "failover/traces", "otlp/tertiary")
    assert level.returncode == 1
    assert "otlp/primary, otlp/secondary" in level.stderr
    absent = run_cli("failover", "status", "--admin", f"{collector.host}:1")
    assert absent.returncode == 1
    assert "no gapless answers" in absent.stderr


def test_a_reload_answers_what_it_did(make_backend, make_collector):
    backend = make_backend()
    text = pass_through(backend, signals=("traces",))
    collector = make_collector(text)
    same = collector.ask_admin("POST", "/-/reload")
    assert same.status_code == 200
    assert "receiver otlp" in same.json()["kept"]
    assert same.json()["restarted"] == []
    collector.write_config("config0", text.replace("insecure: true", "insecure: maybe"))
    bad = collector.ask_admin("POST", "/-/reload")
    assert bad.status_code == 400
    assert any("insecure" in line for line in bad.json()["errors"])
    changed = yaml.safe_load(text)
    changed["exporters"]["otlp/only"]["timeout"] = "7s"
    collector.write_config("config0", yaml.safe_dump(changed))
    done = run_cli("reload", "--admin", collector.admin)
    assert done.returncode == 0, done.stderr
    assert "restarted: exporter otlp/only" in done.stdout


def test_a_second_instance_works_without_its_admin_api(make_backend, make_collector, client_of):
    backend = make_backend()
    text = pass_through(backend, signals=("traces",))
    first = make_collector(text)
    taken = yaml.safe_dump({"service": {"admin": {"endpoint": first.admin}}})
    second = make_collector(text, taken)
    second.wait_for_log("The admin API is not served")
    backend.wait_for_ids(client_of(second).send("traces"))


def test_it_can_be_switched_off_and_moved_by_a_reload(make_backend, make_collector):
    collector = make_collector(pass_through(make_backend()), "{}\n")
    assert requests.get(f"http://{collector.admin}/status", timeout=5).status_code == 200
    collector.write_config("config1", yaml.safe_dump({"service": {"admin": {"endpoint": ""}}}))
    assert collector.ask_admin("POST", "/-/reload").status_code == 200

    def gone():
        try:
            requests.get(f"http://{collector.admin}/status", timeout=1)
            return False
        except requests.RequestException:
            return True

    wait_until(gone, 10, "the admin API to be gone")


def test_pages_of_a_browser_are_refused(pair):
    _, _, collector = pair
    answer = requests.post(f"http://{collector.admin}/-/reload", timeout=5,
                           headers={"Origin": "https://example.com"})
    assert answer.status_code == 403
