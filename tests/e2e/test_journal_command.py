"""gapless journal: what lies in the journals of a stopped collector."""

import datetime
import re
import time

import pytest

from harness.collector import run_cli
from harness.configs import durable, failover, pass_through
from harness.loopback import free_endpoint
from harness.wait import wait_until

# Between a record and the end of a time range, seconds.
GAP = 0.05


@pytest.fixture
def outage(make_backend, make_collector, client_of, tmp_path):
    """A stopped collector that could not deliver; (storage directory, identities, backend)."""

    def make(count=6, signals=("traces",), **settings):
        backend = make_backend()
        backend.kill()
        directory = tmp_path / "journals"
        collector = make_collector(durable(pass_through(backend, signals, **settings), directory))
        client = client_of(collector)
        ids = [number for signal in signals for _ in range(count)
               for number in client.send(signal, 3)]
        assert collector.stop() == 0, "what is pending on disk is no loss"
        return directory, ids, backend

    return make


def journal_of(directory, signal="traces"):
    return directory / f"exporter_otlp_only_{signal}.journal"


def rfc3339(moment):
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat()


def later_than(moment):
    """Waits; records bear the time of their arrival, and so do the ends of a range."""
    wait_until(lambda: time.time() > moment, 5, "the clock")
    return moment


def test_list_tells_what_waits_where(outage):
    directory, _, _ = outage(signals=("traces", "logs"))
    result = run_cli("journal", "list", directory)
    assert result.returncode == 0, result.stderr
    header, *rows = result.stdout.splitlines()
    assert header.split()[:3] == ["OWNER", "SIGNAL", "STATE"]
    assert len(rows) == 2
    for row, signal in zip(rows, ("logs", "traces")):
        assert row.split()[:5] == ["exporter", "otlp_only", signal, "pending", "6"]
        assert str(journal_of(directory, signal)) in row


def test_inspect_tells_ledger_range_and_segments(outage):
    directory, ids, _ = outage()
    result = run_cli("journal", "inspect", journal_of(directory))
    assert result.returncode == 0, result.stderr
    assert f"pending     6 requests, {len(ids)} items" in result.stdout
    assert re.search(r"accepted +6 requests", result.stdout)
    assert re.search(r"arrived 20\d\d-\d\d-\d\dT[\d:.]+Z to 20", result.stdout)
    assert re.search(r"00000001\.seg +64\.0 MiB.*6 records needed", result.stdout)
    assert "checkpoint  number" in result.stdout


def test_verify_finds_a_flipped_byte_and_says_where(outage):
    directory, _, _ = outage()
    sound = run_cli("journal", "verify", directory)
    assert sound.returncode == 0 and "sound" in sound.stdout
    segment = journal_of(directory) / "00000001.seg"
    content = bytearray(segment.read_bytes())
    at = content.index(b"service.name")
    content[at] ^= 1
    segment.write_bytes(content)
    damaged = run_cli("journal", "verify", directory)
    assert damaged.returncode == 1
    assert "DAMAGED" in damaged.stdout
    place = re.search(rf"{segment} at (\d+)", damaged.stdout)
    assert place and int(place.group(1)) < at


def test_replay_sends_everything_and_leaves_it_there(outage, make_backend):
    directory, ids, _ = outage(signals=("traces", "metrics", "logs"))
    target = make_backend("target")
    for signal in ("traces", "metrics", "logs"):
        result = run_cli("journal", "replay", journal_of(directory, signal), "--endpoint",
                         target.endpoint)
        assert result.returncode == 0, result.stderr
        assert "6 requests with 18 items were confirmed" in result.stdout
    assert target.ids().keys() == set(ids) and max(target.ids().values()) == 1
    assert run_cli("journal", "list", directory).stdout.count("pending") == 3


def test_replay_of_a_time_range(make_backend, make_collector, client_of, tmp_path):
    backend, target = make_backend(), make_backend("target")
    backend.kill()
    collector = make_collector(durable(pass_through(backend, ("logs",)), tmp_path / "journals"))
    client = client_of(collector)
    client.send("logs", 2)
    begin = later_than(time.time() + GAP)
    ids = client.send("logs", 2)
    end = later_than(time.time() + GAP)
    client.send("logs", 2)
    assert collector.stop() == 0
    journal = journal_of(tmp_path / "journals", "logs")
    result = run_cli("journal", "replay", journal, "--endpoint", target.endpoint,
                     "--from", rfc3339(begin), "--to", rfc3339(end))
    assert result.returncode == 0, result.stderr
    assert target.ids().keys() == set(ids)
    assert "1 requests with 2 items" in result.stdout
    nothing = run_cli("journal", "replay", journal, "--endpoint", target.endpoint,
                      "--to", "24h")
    assert nothing.returncode == 0 and "0 requests" in nothing.stdout


def test_replay_counts_what_the_endpoint_rejects(
        outage, make_backend):
    directory, ids, _ = outage()
    target = make_backend("target")
    target.behave("INVALID_ARGUMENT", poison=ids[:1])
    result = run_cli("journal", "replay", journal_of(directory), "--endpoint", target.endpoint)
    assert result.returncode == 1
    assert "5 requests with 15 items were confirmed; 1 requests rejected (3 items)" in result.stdout
    assert "was rejected" in result.stderr
    assert target.ids().keys() == set(ids[3:])


def test_replay_to_nobody_ends_with_an_error_that_says_how_to_go_on(outage):
    directory, _, _ = outage()
    nobody = free_endpoint()
    result = run_cli("journal", "replay", journal_of(directory), "--endpoint", nobody,
                     "--timeout", "500ms")
    assert result.returncode == 1
    assert f"{nobody} takes nothing" in result.stderr
    assert "Go on with --from 20" in result.stdout


def test_a_journal_in_use_is_listed_but_not_touched(make_backend, make_collector, tmp_path):
    backend = make_backend()
    collector = make_collector(durable(pass_through(backend, ("traces",)), tmp_path / "journals"))
    listed = run_cli("journal", "list", tmp_path / "journals")
    assert listed.returncode == 0
    assert f"in use (pid {collector.process.pid})" in listed.stdout
    journal = journal_of(tmp_path / "journals")
    for arguments in (("inspect",), ("verify",), ("replay", "--endpoint", backend.endpoint)):
        refused = run_cli("journal", *arguments, journal)
        assert refused.returncode == 1
        assert "is locked by another process" in refused.stderr
        assert str(collector.process.pid) in refused.stderr
    assert collector.stop() == 0


def test_wrong_arguments_are_explained(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments, words in (
            (("list", tmp_path / "none"), "No such file or directory"),
            (("inspect", empty), "is not a journal"),
            (("verify", empty), "is not a journal"),
            (("replay", empty, "--endpoint", "localhost:4317"), "is not a journal"),
            (("replay", empty, "--endpoint", "localhost:4317", "--from", "soon"),
             "neither a time"),
            (("replay", empty, "--endpoint", "localhost:4317", "--from", "1h", "--to", "2h"),
             "nothing lies between"),
            (("replay", empty, "--endpoint", "nonsense"), "missing port")):
        result = run_cli("journal", *arguments)
        assert result.returncode == 1, arguments
        assert words in result.stderr, result.stderr
    assert run_cli("journal", "list", empty).stdout.startswith("No journals in")
    assert run_cli("journal").returncode == 1


def test_debts_and_the_router_are_told_of_a_failover(make_backend, make_collector, client_of,
                                                     tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.kill()
    secondary.kill()
    collector = make_collector(durable(failover(primary, secondary, signals=("traces",)),
                                       tmp_path / "journals"))
    client_of(collector).send("traces", 4)
    collector.wait_for_log("no level is usable")
    assert collector.stop() == 0
    result = run_cli("journal", "inspect", tmp_path / "journals")
    assert result.returncode == 0, result.stderr
    assert "connector failover_traces" in result.stdout
    assert re.search(r"^router +\S", result.stdout, re.MULTILINE)
