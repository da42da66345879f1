"""validate: every error at once, each with file, line and column; silence when all is well."""

import re

import pytest

from harness.collector import run_cli
from harness.configs import failover

GOOD = """\
receivers:
  otlp:
    protocols:
      grpc:
exporters:
  otlp/a:
    endpoint: localhost:14317
    tls: {insecure: true}
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlp/a]
"""


def validate(tmp_path, *texts, env=None):
    args = []
    for index, text in enumerate(texts):
        path = tmp_path / f"config{index}.yaml"
        path.write_text(text)
        args += ["--config", path]
    return run_cli("validate", *args, env=env)


def refused(tmp_path, *texts, env=None):
    """The error text of configs that must be refused."""
    result = validate(tmp_path, *texts, env=env)
    assert result.returncode == 1, result.stdout + result.stderr
    return result.stderr


def test_a_good_config_is_accepted_in_silence(tmp_path):
    result = validate(tmp_path, GOOD)
    assert (result.returncode, result.stdout) == (0, "")
    assert "rror" not in result.stderr


def test_no_config_is_an_error():
    assert run_cli("validate").returncode == 1


# text to replace, replacement, what the error must contain, line of the error
MISTAKES = {
    "an unknown key": ("    endpoint: loc", "    endpont: loc", "endpont", 7),
    "an unknown type": ("  otlp/a:\n", "  oltp/a:\n", "oltp", 6),
    "a wrong type": ("{insecure: true}", "{insecure: maybe}", "insecure", 8),
    "an undefined exporter": ("exporters: [otlp/a]", "exporters: [otlp/b]", "otlp/b", 13),
    "an undefined receiver": ("receivers: [otlp]", "receivers: [otlp/x]", "otlp/x", 12),
    "a missing port": ("localhost:14317", "localhost", "localhost", 7),
    "no receiver": ("receivers: [otlp]", "receivers: []", "at least one receiver", 11),
    "a duplicate key": ("    endpoint: localhost:14317",
                        "    endpoint: localhost:14317\n    endpoint: b:1", "endpoint", 8),
    "a bad duration": ("    endpoint:", "    timeout: 5 seconds\n    endpoint:", "timeout", 7),
    "a negative duration": ("    endpoint:", "    timeout: -5s\n    endpoint:", "timeout", 7),
    "a tab": ("      grpc:", "\tgrpc:", "", 4),
    "an unknown top-level key": ("service:", "extra: 1\nservice:", "extra", 9),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_place(tmp_path, mistake):
    old, new, word, line = MISTAKES[mistake]
    assert old in GOOD
    text = refused(tmp_path, GOOD.replace(old, new, 1))
    assert word in text
    assert re.search(rf"config0\.yaml:{line}:\d+", text), text


def test_all_mistakes_are_told_at_once(tmp_path):
    text = GOOD.replace("endpoint: loc", "endpont: loc").replace("{insecure: true}", "{insecur: 1}")
    text = text.replace("exporters: [otlp/a]", "exporters: [otlp/zzz]")
    told = refused(tmp_path, text)
    for word in ("endpont", "insecur", "otlp/zzz"):
        assert word in told


def test_an_error_in_the_second_file_names_the_second_file(tmp_path):
    told = refused(tmp_path, GOOD, "exporters:\n  otlp/a:\n    tmeout: 3s\n")
    assert re.search(r"config1\.yaml:3:\d+", told)
    assert "timeout" in told, "the nearest key is not suggested"


def test_later_files_win_key_by_key(tmp_path):
    broken = GOOD.replace("{insecure: true}", "{insecure: true}\n    timeout: -1s")
    assert validate(tmp_path, broken, "exporters: {otlp/a: {timeout: 3s}}\n").returncode == 0


def test_variables_are_expanded_with_defaults(tmp_path):
    text = GOOD.replace("localhost:14317", "${env:GAPLESS_TEST_ENDPOINT:-localhost:4000}")
    assert validate(tmp_path, text).returncode == 0
    env = {"GAPLESS_TEST_ENDPOINT": "no-port"}
    assert "no-port" in refused(tmp_path, text, env=env)


class Level:
    """A stand-in for a backend in harness.configs: only its address is used."""

    protocol = "grpc"
    endpoint = "localhost:14317"


RECEIVER = "receivers: {otlp: {protocols: {grpc: {}}}}\n"
FAILOVER_MISTAKES = {
    "no level": ({"priority_levels": []}, "priority list"),
    "an empty level": ({"priority_levels": [[], ["otlp/secondary"]]}, "level 0"),
    "an unknown exporter": ({"priority_levels": [["otlp/primry"]]}, "otlp/primary"),
    "the wrong signal": ({"priority_levels": [["metrics/primary"]]}, "metrics/primary"),
    "the same level twice": ({"priority_levels": [["otlp/primary"], ["traces/primary"]]},
                             "level 1 is the same"),
    "a retry_interval of nothing": ({"retry_interval": "0s"}, "retry interval"),
    "an unknown key": ({"retry_intervall": "1s"}, "retry_interval"),
}


@pytest.mark.parametrize("mistake", FAILOVER_MISTAKES)
def test_a_mistake_in_a_failover_connector_is_named_with_its_place(tmp_path, mistake):
    settings, word = FAILOVER_MISTAKES[mistake]
    text = RECEIVER + failover(Level, Level, signals=("traces",), connector=settings)
    told = refused(tmp_path, text)
    assert word in told
    assert re.search(r"config0\.yaml:\d+:\d+", told)


def test_a_failover_connector_with_both_forms_of_levels_is_accepted(tmp_path):
    settings = {"priority_levels": [["otlp/primary"], ["traces/secondary"]], "max_retries": 0,
                "retry_gap": "10s", "retry_interval": "30s"}
    text = RECEIVER + failover(Level, Level, signals=("traces",), connector=settings)
    result = validate(tmp_path, text)
    assert result.returncode == 0, result.stderr
