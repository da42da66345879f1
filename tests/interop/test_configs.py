"""The configurations of tests/configs, good and broken, through a real Collector's validate."""

import subprocess

import pytest
import tools
import yaml

from harness.collector import binary
from harness.samples import NAMES, Sample
from test_interop import needed

# Old names of types, which `components` does not list.
ALIASES = {"otlp": "otlp_grpc", "otlphttp": "otlp_http"}


@pytest.fixture(scope="module")
def real():
    """(the real Collector, its component types per section)"""
    program = needed(tools.real_collector(), "go")
    out = subprocess.run([program, "components"], check=True, capture_output=True, text=True)
    listed = yaml.safe_load(out.stdout)
    types = {section: {entry["name"] for entry in listed[section] or []}
             for section in ("receivers", "processors", "exporters", "connectors", "extensions")}
    return program, types


def unknown_to(types, merged):
    """The types of a configuration that a Collector does not have."""
    found = set()
    for section, known in types.items():
        for id_ in merged.get(section) or {}:
            type_ = id_.split("/")[0]
            if not {type_, ALIASES.get(type_)} & known:
                found.add(f"{section}::{type_}")
    return found


def verdict(program, sample):
    result = subprocess.run([program, "validate", *sample.args], cwd=sample.target,
                            env=sample.env, capture_output=True, text=True, timeout=30)
    assert result.returncode in (0, 1), result.stderr
    return result.returncode, result.stderr


@pytest.mark.parametrize("mistake", (False, True), ids=("good", "broken"))
@pytest.mark.parametrize("name", NAMES)
def test_both_agree(tmp_path, real, authority, name, mistake):
    program, types = real
    certs = tmp_path / "certs"
    certs.mkdir()
    certificate, key = authority.issue("gateway")
    for path, file in ((certificate, "gateway.pem"), (key, "gateway.key"),
                       (authority.ca, "ca.pem")):
        (certs / file).write_bytes(path.read_bytes())
    good = Sample(name, tmp_path, certs=certs)
    if missing := unknown_to(types, good.merged):
        pytest.skip(f"the real Collector was built without {', '.join(sorted(missing))}")
    sample = Sample(name, tmp_path, certs=certs, mistake=mistake)
    theirs, their_words = verdict(program, sample)
    ours, our_words = verdict(binary(), sample)
    assert (ours, theirs) == (int(mistake), int(mistake)), f"{our_words}\n{their_words}"
