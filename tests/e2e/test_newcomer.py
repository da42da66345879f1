"""The first minutes: no config, no backend, no argument; and the demo."""

import re
from pathlib import Path

import pytest

from harness.collector import run_cli
from harness.load import GrpcClient, HttpClient
from harness.namespace import in_namespace, inside
from harness.wait import wait_until


def kept_on_disk(folders, number):
    """Whether a file below the folders holds the span with that identity as OTLP JSON."""
    needle = number.to_bytes(8, "big").hex()
    files = [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
    return any(needle in path.read_text(errors="replace") for path in files
               if path.name != "log" and path.stat().st_size < 1 << 20)


@in_namespace({})
def test_without_any_config_the_first_data_is_kept_and_a_primary_gets_it_later(
        request, make_backend, make_collector, tmp_path):
    if not inside():
        pytest.skip("needs the default ports for itself: no namespaces on this machine")
    env = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    collector = make_collector(bare=True, env=env, host="127.0.0.1")
    for word in ("localhost:4317", "localhost:4318", "localhost:14317"):
        assert word in collector.log, "it does not say where it listens and where data goes"
    folders = (tmp_path, collector.folder, "/var/lib")
    with GrpcClient(collector.grpc) as client:
        first = client.send("traces")[0]
        wait_until(lambda: kept_on_disk(folders, first), 10, "the first span in a file")
        second = HttpClient(collector.http).send("logs")[0]
        wait_until(lambda: kept_on_disk(folders, second), 10, "the first record in a file")
        primary = make_backend("primary", host="127.0.0.1", port=14317)
        wait_until(lambda: client.send("traces") and primary.received, 45, "data at the primary")
        # What came before there was a primary reaches it as well.
        primary.wait_for_ids([first, second], timeout=45)
    assert collector.stop() == 0


@pytest.mark.heavy
@in_namespace({})
def test_the_demo_tells_its_story_and_loses_nothing(request):
    result = run_cli("demo", timeout=120)
    print(result.stdout, result.stderr)
    assert result.returncode == 0
    lost = re.findall(r"lost\D*(\d+)", result.stdout, re.IGNORECASE)
    assert lost and set(lost) == {"0"}
    for word in ("refused", "black hole", "switch"):
        assert word in result.stdout.lower()


def test_help_names_what_there_is():
    result = run_cli("--help")
    assert result.returncode == 0
    for word in ("--config", "validate", "components", "demo"):
        assert word in result.stdout
