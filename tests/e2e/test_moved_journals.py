"""A queue's storage, directory or owner changes while data waits: nothing stays behind unseen."""

import shutil
import signal
import time

import pytest
import yaml

from harness.collector import SLOWNESS, run_cli
from harness.configs import durable, failover, pass_through
from harness.items import make_body
from harness.wait import wait_until

NAME = "exporter_otlp_only_traces.journal"
QUICK = {"retry_on_failure": {"initial_interval": "100ms", "max_interval": "500ms"}}
ACCEPTED = "gapless_journal_accepted_items"


def storages(text, tmp_path, used):
    """The configuration with two storages, of which the exporter uses one, or none."""
    config = yaml.safe_load(text)
    config["extensions"] = {
        f"file_storage/{name}": {"directory": str(tmp_path / name), "create_directory": True}
        for name in ("one", "two")}
    config["service"]["extensions"] = list(config["extensions"])
    queue = config["exporters"]["otlp/only"].setdefault("sending_queue", {})
    queue.pop("storage", None)
    if used:
        queue["storage"] = f"file_storage/{used}"
    return yaml.safe_dump(config)


def reload_with(collector, text):
    before = len(collector.lines_with("reload complete"))
    collector.write_config("config0", text)
    collector.reload()
    wait_until(lambda: len(collector.lines_with("reload complete")) > before, 10, "the reload")


@pytest.mark.parametrize("then", ("two", None))
def test_a_start_with_another_storage_empties_the_former_one(
        make_backend, make_collector, client_of, tmp_path, then):
    backend = make_backend()
    backend.kill()
    text = pass_through(backend, ("traces",), **QUICK)
    collector = make_collector(storages(text, tmp_path, "one"))
    ids = client_of(collector).send("traces", 5)
    assert collector.stop() == 0
    collector = make_collector(storages(text, tmp_path, then))
    ids += client_of(collector).send("traces", 5)
    backend.start()
    backend.wait_for_ids(ids)
    assert max(backend.ids().values()) == 1
    assert collector.lines_with("emptied by its component", str(tmp_path / "one" / NAME))
    assert collector.stop() == 0
    assert "pending" not in run_cli("journal", "list", tmp_path / "one").stdout


def test_a_reload_with_another_directory_moves_the_queue(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    text = pass_through(backend, ("traces",), **QUICK)
    collector = make_collector(durable(text, tmp_path / "one"))
    client = client_of(collector)
    ids = client.send("traces", 5)
    reload_with(collector, durable(text, tmp_path / "two"))
    ids += client.send("traces", 5)
    assert (tmp_path / "two" / NAME / "JOURNAL").exists()
    backend.start()
    backend.wait_for_ids(ids)
    wait_until(lambda: "empty" in run_cli("journal", "list", tmp_path / "one").stdout, 10,
               "the former journal to be closed")
    assert collector.stop() == 0


def test_a_storage_may_be_renamed_on_its_directory(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    text = durable(pass_through(backend, ("traces",), **QUICK), tmp_path)
    collector = make_collector(text)
    client = client_of(collector)
    ids = client.send("traces", 5)
    reload_with(collector, text.replace("file_storage", "file_storage/primary_queue"))
    ids += client.send("traces", 5)
    backend.start()
    backend.wait_for_ids(ids)
    assert max(backend.ids().values()) == 1
    assert collector.stop() == 0


def test_the_ledger_of_a_journal_that_comes_back_is_counted_once(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    text = pass_through(backend, ("traces",), **QUICK)
    collector = make_collector(storages(text, tmp_path, "one"))
    client = client_of(collector)
    ids = client.send("traces", 5)
    for name in ("two", "one", "two", "one"):
        backend.wait_for_ids(ids)
        for other in ("one", "two"):
            wait_until(lambda other=other: "pending" not in run_cli(
                "journal", "list", tmp_path / other).stdout, 10, "an empty journal")
        wait_until(lambda name=name: not collector.holds(tmp_path / name), 10,
                   "the former queue of the storage to be closed")
        reload_with(collector, storages(text, tmp_path, name))
        ids += client.send("traces", 5)
    backend.wait_for_ids(ids)
    labels = {"journal": "otlp/only", "signal": "traces"}
    wait_until(lambda: collector.metric(ACCEPTED, **labels) >= len(ids), 5, "the ledger")
    assert collector.metric(ACCEPTED, **labels) == len(ids)
    assert collector.stop() == 0


def test_a_failover_that_left_the_configuration_still_pays_its_debts(
        make_backend, make_collector, client_of, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    text = durable(failover(primary, secondary, signals=("traces",),
                            connector={"backfill": {"rate": 0}}), tmp_path)
    collector = make_collector(text)
    client = client_of(collector)
    primary.kill()
    ids = [number for _ in range(10) for number in client.send("traces", 3)]
    secondary.wait_for_ids(ids)
    config = yaml.safe_load(text)
    config["connectors"] = {"failover/renamed": next(iter(config["connectors"].values()))}
    for pipeline in config["service"]["pipelines"].values():
        for role in ("receivers", "exporters"):
            pipeline[role] = ["failover/renamed" if name.startswith("failover") else name
                              for name in pipeline[role]]
    reload_with(collector, yaml.safe_dump(config))
    primary.start()
    primary.wait_for_ids(ids, timeout=20 * SLOWNESS)
    wait_until(lambda: "owed" not in run_cli("journal", "list", tmp_path).stdout, 10,
               "the former journal to be closed")
    assert collector.stop() == 0


def test_the_gauge_of_unclaimed_data_follows_its_removal(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    former = yaml.safe_load(durable(pass_through(backend, ("traces",)), tmp_path))
    former["exporters"]["otlp/former"] = former["exporters"].pop("otlp/only")
    former["service"]["pipelines"]["traces"]["exporters"] = ["otlp/former"]
    collector = make_collector(yaml.safe_dump(former))
    client_of(collector).send("traces", 7)
    assert collector.stop() == 0
    text = durable(pass_through(backend, ("traces",)), tmp_path)
    collector = make_collector(text)
    gauge = "gapless_storage_unclaimed_items"
    assert collector.metric(gauge, storage="file_storage") == 7
    shutil.rmtree(tmp_path / "exporter_otlp_former_traces.journal")
    reload_with(collector, text + "\n")
    assert collector.metric(gauge, storage="file_storage") == 0
    assert collector.stop() == 0


def test_a_client_that_waits_for_room_does_not_hold_up_the_end(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    collector = make_collector(durable(pass_through(
        backend, ("traces",), sending_queue={"queue_size": 2, "on_full": "block"}), tmp_path))
    client = client_of(collector)
    client.send("traces", 3)
    client.send("traces", 3)
    body, _ = make_body("traces", 3)
    waiting = client.begin("traces", body, timeout=60)
    began = time.monotonic()
    collector.signal(signal.SIGTERM)
    assert collector.wait_for_exit(30) == 0
    assert time.monotonic() - began < 8 * SLOWNESS, "it waits for what is in flight, 2 s at most"
    assert "shutting down" in waiting.exception(timeout=5).details()
