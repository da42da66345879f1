"""A backend is restored from an old backup: `gapless replay` sends it again what is retained."""

import shutil

import pytest

from harness.collector import run_cli
from harness.wait import wait_until
from real.case import pause
from real.kinds import NAMES


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.ours
def test_what_is_retained_repairs_a_backend_that_lost_its_last_minute(case, kind):
    store = case.store(kind)
    case.store(kind)
    config = case.config(kind).failover(retain={"time": "5m"}, overlap="0s")
    collector = case.run(config)
    with case.load() as load:
        pause(4)
    case.nothing_missing(load)
    store.stop()
    shutil.rmtree(store.data)
    store.data.mkdir()
    store.start()
    assert not store.stored(), "the backend was to be empty"
    target = next(iter(config.tree["exporters"]))
    result = run_cli("replay", "--since", "5m", "--to", target, "--admin", collector.admin)
    print(result.stdout + result.stderr)
    assert result.returncode == 0
    wait_until(lambda: load.acked <= store.stored().keys(), 20,
               lambda: f"{len(load.acked - store.stored().keys())} items after the replay")
