"""Journals on disk: what a start finds, what an end leaves, and errors that say what to do."""

import contextlib
import shutil
import signal
import subprocess
import time

import pytest
import yaml

from harness.collector import SLOWNESS, run_cli
from harness.configs import durable, failover, pass_through
from harness.namespace import in_namespace, inside
from harness.oracle import conserved
from harness.wait import wait_until

NAME = "exporter_otlp_only_traces.journal"


def refused_start(make_collector, *texts):
    """Its log; it must end with status 1."""
    collector = make_collector(*texts, wait=False)
    assert collector.wait_for_exit(20 * SLOWNESS) == 1
    return collector.log.splitlines()[-1]


def test_an_end_in_an_outage_keeps_everything_for_the_next_start(
        make_backend, make_collector, client_of, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(durable(failover(primary, secondary), tmp_path))
    client = client_of(collector)
    primary.kill()
    secondary.kill()
    ids = [number for signal_name in ("traces", "metrics", "logs") for _ in range(5)
           for number in client.send(signal_name, 3)]
    began = time.monotonic()
    assert collector.stop() == 0, "what is safe on disk is no loss"
    assert time.monotonic() - began < 5 * SLOWNESS, "there is nothing to wait for"
    secondary.start()
    collector.start(timeout=10)
    secondary.wait_for_ids(ids)
    assert max(secondary.ids().values()) == 1
    conserved(collector)
    assert collector.stop() == 0


def test_a_full_journal_starts_delivers_and_takes_data_again(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    collector = make_collector(durable(pass_through(backend, ("traces",)), tmp_path,
                                       max_size="4MiB"))
    client = client_of(collector)
    ids = []
    refused = None
    while refused is None and len(ids) < 100_000:
        try:
            ids += client.send("traces", 500)
        except AssertionError as error:
            refused = str(error)
    assert refused and "UNAVAILABLE" in refused and "max_size" in refused, refused
    collector.signal(signal.SIGKILL)
    collector.wait_for_exit()
    collector.start(timeout=10)
    backend.start()
    backend.wait_for_ids(ids, timeout=30)
    wait_until(lambda: client.export("traces", b"")[0].name == "OK", 10, "a connection")
    wait_until(lambda: try_to_send(client), 10, "room in the journal")
    assert collector.stop() == 0


def try_to_send(client):
    try:
        return client.send("traces", 500)
    except AssertionError:
        return None


@in_namespace({})
def test_a_full_disk_refuses_and_resumes_when_there_is_room(
        request, make_backend, make_collector, client_of, tmp_path):
    if not inside():
        pytest.skip("needs a small disk of its own: this machine refuses mounts")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], check=True)
    (disk / "ballast").write_bytes(bytes(8 << 20))
    backend = make_backend()
    backend.kill()
    collector = make_collector(durable(pass_through(backend, ("traces",)), disk / "journals"))
    client = client_of(collector)
    ids = []
    while sent := try_to_send(client):
        ids += sent
        assert len(ids) < 100_000, "the disk never filled up"
    assert len(ids) >= 500 and collector.lines_with("the journal cannot store")
    (disk / "ballast").unlink()
    ids += wait_until(lambda: try_to_send(client), 10, "data to be taken again")
    while sent := try_to_send(client):
        ids += sent
    # Full to the brim, and started again.
    collector.signal(signal.SIGKILL)
    collector.wait_for_exit()
    collector.start(timeout=10)
    backend.start()
    backend.wait_for_ids(ids, timeout=30)
    wait_until(lambda: try_to_send(client), 10, "space to return")
    assert collector.stop() == 0
    assert run_cli("journal", "verify", disk / "journals").returncode == 0


@in_namespace({})
def test_a_start_on_a_full_disk_takes_data_once_there_is_room(
        request, make_backend, make_collector, client_of, tmp_path):
    if not inside():
        pytest.skip("needs a small disk of its own: this machine refuses mounts")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", disk], check=True)
    backend = make_backend()
    text = durable(pass_through(backend, ("traces",)), disk / "journals")
    assert make_collector(text).stop() == 0
    with open(disk / "ballast", "wb") as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(1 << 16))
    collector = make_collector(text)
    client = client_of(collector)
    assert try_to_send(client) is None
    (disk / "ballast").unlink()
    backend.wait_for_ids(wait_until(lambda: try_to_send(client), 10, "data to be taken"))
    assert collector.stop() == 0


@in_namespace({})
def test_a_read_only_directory_ends_the_start_with_its_name(
        request, make_backend, make_collector, tmp_path):
    if not inside():
        pytest.skip("needs a read-only disk: this machine refuses mounts")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", disk], check=True)
    line = refused_start(make_collector, durable(pass_through(make_backend(), ("traces",)), disk))
    assert str(disk / NAME) in line and "must be able to write there" in line


def test_a_directory_with_other_files_is_not_touched(make_backend, make_collector, tmp_path):
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "holiday.jpg").write_text("precious")
    line = refused_start(make_collector, durable(pass_through(make_backend(), ("traces",)),
                                                 tmp_path))
    for words in (str(tmp_path / NAME), "holiday.jpg", "choose an empty directory"):
        assert words in line
    assert (tmp_path / NAME / "holiday.jpg").read_text() == "precious"


def test_what_is_no_queue_of_a_collector_is_not_touched(make_backend, make_collector, tmp_path):
    file = tmp_path / "exporter_otlp_only_traces"
    file.write_bytes(b"something else")
    collector = make_collector(durable(pass_through(make_backend(), ("traces",)), tmp_path))
    lines = collector.lines_with("The queue of a Collector is not imported", "no bbolt file")
    assert [line.fields["file"] for line in lines] == [str(file)]
    assert file.read_bytes() == b"something else"
    assert collector.stop() == 0


def test_a_journal_of_an_earlier_version_gets_its_new_name(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    text = durable(pass_through(backend, ("traces",)), tmp_path)
    collector = make_collector(text)
    ids = client_of(collector).send("traces", 5)
    assert collector.stop() == 0
    (tmp_path / NAME).rename(tmp_path / NAME.removesuffix(".journal"))
    collector = make_collector(text)
    backend.start()
    backend.wait_for_ids(ids)
    assert (tmp_path / NAME / "JOURNAL").exists()
    assert collector.stop() == 0


def test_a_journal_of_a_newer_version_is_not_touched(make_backend, make_collector, tmp_path):
    (tmp_path / NAME).mkdir()
    identity = "gapless journal\nformat: 99\nid: 0123456789abcdef\nname: x\n"
    (tmp_path / NAME / "JOURNAL").write_text(identity)
    line = refused_start(make_collector, durable(pass_through(make_backend(), ("traces",)),
                                                 tmp_path))
    for words in (str(tmp_path / NAME / "JOURNAL"), "format 99", "use a newer gapless"):
        assert words in line
    assert (tmp_path / NAME / "JOURNAL").read_text() == identity


def test_two_processes_never_share_a_journal(make_backend, make_collector, tmp_path):
    config = durable(pass_through(make_backend(), ("traces",)), tmp_path, timeout="100ms")
    first = make_collector(config)
    line = refused_start(make_collector, config)
    for words in (str(tmp_path / NAME), f"pid {first.process.pid}", "use another directory"):
        assert words in line
    assert first.running
    assert first.stop() == 0


def half_written(directory):
    """What a process may leave that dies while it makes a journal: name -> files."""
    return {
        "empty": {},
        "only the lock": {"lock": b"pid 1\n"},
        "an unfinished identity": {"lock": b"", "JOURNAL.tmp": b"gapless jou"},
        "an empty identity": {"lock": b"", "JOURNAL": b""},
        "no checkpoint": {"lock": b"", "JOURNAL": directory["JOURNAL"]},
        "half a checkpoint": {**directory, "checkpoint.0": b"GAPLCKP\n\1", "checkpoint.1": b""},
        "a segment without header": {**directory, "00000009.seg": bytes(1 << 16)},
        "half a segment header": {**directory, "00000009.seg": b"GAPLSEG\n\1\0"},
        "an empty segment": {**directory, "00000009.seg": b""},
    }


def test_a_directory_that_was_never_finished_is_finished(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    config = durable(pass_through(backend, ("traces",)), tmp_path)
    collector = make_collector(config)
    client_of(collector).send("traces")
    assert collector.stop() == 0
    whole = {path.name: path.read_bytes() for path in (tmp_path / NAME).iterdir()
             if path.is_file()}
    for what, files in half_written(whole).items():
        shutil.rmtree(tmp_path / NAME)
        (tmp_path / NAME).mkdir()
        for name, content in files.items():
            (tmp_path / NAME / name).write_bytes(content)
        again = make_collector(config)
        ids = client_of(again).send("traces", 3)
        backend.wait_for_ids(ids)
        assert again.stop() == 0, what


def test_a_journal_without_owner_is_reported_with_the_command_that_sends_it(
        make_backend, make_collector, client_of, tmp_path):
    old, new = make_backend("old"), make_backend("new")
    old.kill()
    former = yaml.safe_load(durable(pass_through(old, ("traces",)), tmp_path))
    former["exporters"]["otlp/former"] = former["exporters"].pop("otlp/only")
    former["service"]["pipelines"]["traces"]["exporters"] = ["otlp/former"]
    collector = make_collector(yaml.safe_dump(former))
    ids = client_of(collector).send("traces", 7)
    assert collector.stop() == 0
    collector = make_collector(durable(pass_through(new, ("traces",)), tmp_path))
    journal = tmp_path / "exporter_otlp_former_traces.journal"
    line = collector.lines_with("no component of this configuration", str(journal))[0]
    assert line.level == "warn" and line.fields["requests"] == 1 and line.fields["items"] == 7
    assert collector.metric("gapless_storage_unclaimed_items", storage="file_storage") == 7
    command = line.fields["replay"].replace("HOST:PORT", new.endpoint).split()
    assert command[:3] == ["gapless", "journal", "replay"]
    assert run_cli(*command[1:]).returncode == 0
    new.wait_for_ids(ids)
    assert collector.stop() == 0


def test_a_journal_of_an_exporter_that_became_a_level_is_drained_by_it(
        make_backend, make_collector, client_of, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.kill()
    alone = yaml.safe_load(durable(failover(primary, secondary, signals=("traces",)), tmp_path))
    alone["service"]["pipelines"] = {"traces": {"receivers": ["otlp"],
                                                "exporters": ["otlp/primary"]}}
    del alone["connectors"]
    collector = make_collector(yaml.safe_dump(alone))
    ids = client_of(collector).send("traces", 4)
    assert collector.stop() == 0
    primary.start()
    collector = make_collector(durable(failover(primary, secondary, signals=("traces",)),
                                       tmp_path))
    primary.wait_for_ids(ids)
    assert collector.stop() == 0
    listed = run_cli("journal", "list", tmp_path).stdout
    assert "pending" not in listed and "exporter_otlp_primary_traces" in listed


def test_a_change_of_storage_drains_the_former_one(
        make_backend, make_collector, client_of, tmp_path):
    backend = make_backend()
    backend.kill()
    text = durable(pass_through(backend, ("traces",),
                                retry_on_failure={"initial_interval": "100ms",
                                                  "max_interval": "500ms"}), tmp_path / "one")
    collector = make_collector(text)
    client = client_of(collector)
    ids = client.send("traces", 3)
    changed = yaml.safe_load(text)
    changed["extensions"] = {"file_storage/two": {"directory": str(tmp_path / "two"),
                                                  "create_directory": True}}
    changed["service"]["extensions"] = ["file_storage/two"]
    changed["exporters"]["otlp/only"]["sending_queue"]["storage"] = "file_storage/two"
    collector.write_config("config0", yaml.safe_dump(changed))
    collector.reload()
    wait_until(lambda: (tmp_path / "two" / NAME / "JOURNAL").exists(), 10, "the new journal")
    ids += client.send("traces", 3)
    assert run_cli("journal", "list", tmp_path / "one").stdout.count("in use") == 1
    backend.start()
    backend.wait_for_ids(ids)
    assert max(backend.ids().values()) == 1
    wait_until(lambda: "empty" in run_cli("journal", "list", tmp_path / "one").stdout, 10,
               "the former journal to be closed")
    assert collector.stop() == 0
