"""validate --probe at real backends: it proves that data would be taken, and shows their words."""

import pytest
import yaml

from harness.collector import run_cli
from harness.configs import failover, pass_through

TENANT = {"cortex": {"X-Scope-OrgID": "tests"}, "mlflow": {"X-MLflow-Experiment-Id": "0"}}
RECEIVER = {"receivers": {"otlp": {"protocols": {"grpc": None}}}}


def probe(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(text), **RECEIVER}))
    return run_cli("validate", "--probe", "--config", path)


def only(backend, **settings):
    tenant = {"headers": TENANT[backend.name]} if backend.name in TENANT else {}
    return pass_through(backend, backend.profile.signals, **{**tenant, **settings})


@pytest.mark.parametrize("name", ("prometheus", "victoria_metrics", "victoria_logs", "cortex",
                                  "jaeger", "phoenix", "mlflow"))
def test_a_backend_that_is_well_is_found_well_and_keeps_nothing(make_scripted, tmp_path, name):
    backend = make_scripted(name)
    result = probe(tmp_path, only(backend))
    assert result.returncode == 0, result.stdout + result.stderr
    assert backend.answers and not backend.received


@pytest.mark.parametrize("name, settings, words", (
    ("prometheus", {"compression": "zstd"}, "unsupported compression: zstd"),
    ("victoria_metrics", {"compression": "lz4"}, "lz4"),
    ("victoria_logs", {"encoding": "json"}, "json encoding isn't supported"),
    ("victoria_logs", {"path": "/wrong"}, "unsupported path requested"),
    ("cortex", {"headers": {}}, "no org id"),
    ("mlflow", {"headers": {}}, "x-mlflow-experiment-id"),
))
def test_a_wrong_configuration_is_found_out_in_the_words_of_the_backend(
        make_scripted, tmp_path, name, settings, words):
    backend = make_scripted(name)
    if "path" in settings:
        settings = {"endpoint": f"http://{backend.address}{settings['path']}"}
    result = probe(tmp_path, only(backend, **settings))
    assert result.returncode == 1, result.stdout + result.stderr
    assert words in result.stdout + result.stderr
    assert not backend.received


def test_each_level_is_told_apart(make_scripted, tmp_path):
    primary, secondary = make_scripted("jaeger"), make_scripted("mlflow")
    result = probe(tmp_path, failover(primary, secondary, signals=("traces",)))
    assert result.returncode == 1
    lines = (result.stdout + result.stderr).splitlines()
    [bad] = [line for line in lines if "x-mlflow-experiment-id" in line]
    assert "otlphttp/secondary" in bad
    assert any("otlphttp/primary" in line for line in lines)
