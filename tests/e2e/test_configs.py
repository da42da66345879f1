"""The whole configurations of tests/configs: each is valid and runs, and its mistake is told."""

import subprocess
import time

import pytest
import yaml

from harness.collector import READY, SLOWNESS, binary
from harness.loopback import loopback_address
from harness.samples import NAMES, Sample
from harness.wait import wait_until

@pytest.fixture
def sample_of(tmp_path, authority):
    def make(name, mistake=False):
        host = loopback_address()
        certificate, key = authority.issue("gateway", host)
        certs = tmp_path / "certs"
        certs.mkdir()
        for path, file in ((certificate, "gateway.pem"), (key, "gateway.key"),
                           (authority.ca, "ca.pem")):
            (certs / file).write_bytes(path.read_bytes())
        return Sample(name, tmp_path, host, certs, mistake)
    return make


def run(sample, *args):
    return subprocess.run([binary(), *args], cwd=sample.target, env=sample.env, timeout=30,
                          capture_output=True, text=True)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_valid(sample_of, name):
    sample = sample_of(name)
    result = run(sample, "validate", *sample.args)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@pytest.mark.parametrize("name", NAMES)
def test_it_runs(sample_of, name):
    sample = sample_of(name)
    log = sample.target / "log"
    with log.open("wb") as out:
        process = subprocess.Popen([binary(), *sample.args, *sample.addresses()], stderr=out,
                                   cwd=sample.target, env=sample.env)
    try:
        wait_until(lambda: READY in log.read_text() or process.poll() is not None, 20 * SLOWNESS,
                   "its start")
        assert process.poll() is None, log.read_text()
        process.terminate()
        assert process.wait(20 * SLOWNESS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", NAMES)
def test_its_mistake_is_told_with_its_place_and_nothing_else(sample_of, name):
    sample = sample_of(name, mistake=True)
    result = run(sample, "validate", *sample.args)
    assert result.returncode == 1
    assert result.stderr == sample.expected
    assert run(sample, *sample.args).stderr.endswith(sample.expected)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_printed_reads_back_as_the_same(sample_of, name):
    sample = sample_of(name)
    printed = run(sample, "print-config", "--mode", "unredacted", *sample.args)
    assert printed.returncode == 0, printed.stderr
    (sample.target / "printed.yaml").write_text(printed.stdout)
    again = run(sample, "print-config", "--mode", "unredacted", "--config", "printed.yaml")
    assert again.stdout == printed.stdout


def keys(node, path=""):
    """Every key of a tree, as a path."""
    if isinstance(node, list):
        for item in node:
            yield from keys(item, f"{path}[]")
    elif isinstance(node, dict):
        for key, value in node.items():
            yield f"{path}::{key}"
            yield from keys(value, f"{path}::{key}")


def test_everything_has_every_key_of_every_component(sample_of):
    sample = sample_of("everything")
    listed = yaml.safe_load(run(sample, "components").stdout)
    for section in ("receivers", "processors", "exporters", "connectors", "extensions"):
        types = {id_.split("/")[0] for id_ in sample.merged[section]}
        assert {entry["name"] for entry in listed[section]} == types
    printed = yaml.safe_load(run(sample, "print-config", *sample.args).stdout)
    assert set(keys(printed)) <= set(keys(sample.merged))


def test_secrets_are_shown_nowhere_unless_asked_for(sample_of):
    sample = sample_of("saas")
    for args in (["print-config"], ["print-config", "--format", "json"], ["migrate"],
                 ["validate", "--probe"]):
        files = sample.files if args == ["migrate"] else sample.args
        result = run(sample, *args, *files)
        assert "t0p-secret" not in result.stdout + result.stderr
    shown = run(sample, "print-config", "--mode", "unredacted", *sample.args)
    assert "Bearer t0p-secret-1" in shown.stdout


def test_a_mistake_is_told_within_a_tenth_of_a_second(sample_of):
    sample = sample_of("failover", mistake=True)
    times = []
    for _ in range(10):
        begin = time.monotonic()
        assert run(sample, *sample.args).returncode == 1
        times.append(time.monotonic() - begin)
    print(f"told after {min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms")
    assert min(times) < 0.1 * SLOWNESS
