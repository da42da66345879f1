"""The commands about configurations: migrate, validate --probe, completion, featuregate; URLs."""

import http.server
import subprocess
import threading

import pytest

from harness.collector import run_cli
from harness.configs import failover, pass_through
from harness.loopback import loopback_address

RECEIVER = "receivers: {otlp: {protocols: {grpc: {endpoint: 'localhost:0'}}}}\n"


@pytest.fixture
def web(tmp_path):
    """A web server over tmp_path; its URL."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=tmp_path)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer((loopback_address(), 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://{}:{}".format(*server.server_address)
    server.shutdown()
    server.server_close()


def test_migrate_says_what_is_missing_and_where(tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(RECEIVER + "processors:\n  filter: {}\n  batch: {}\nexporters:\n"
                      "  otlp: {endpoint: 'a:1'}\nservice:\n  pipelines:\n    logs: {receivers: "
                      "[otlp], processors: [batch], exporters: [otlp]}\n")
    result = run_cli("migrate", config)
    assert result.returncode == 1
    missing = [line for line in result.stdout.splitlines() if " missing " in line]
    assert len(missing) == 1 and missing[0].startswith(f"{config}:3 ") and "OTTL" in missing[0]
    config.write_text(config.read_text().replace("  filter: {}\n", ""))
    result = run_cli("migrate", config)
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1].endswith("gapless runs this configuration unchanged.")


def test_probe_asks_every_exporter_and_tells_which_does_not_answer(tmp_path, make_backend):
    alive, gone = make_backend("alive"), make_backend("gone")
    gone.kill()
    config = tmp_path / "c.yaml"
    config.write_text(RECEIVER + failover(alive, gone, signals=("traces",)))
    result = run_cli("validate", "--probe", "--config", config)
    assert result.returncode == 1
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert " ok " in rows["otlp/primary"] and " FAILED " in rows["otlp/secondary"]
    assert "1 of 2 exporters did not answer" in result.stderr
    assert alive.received == [], "a probe carries no data"
    gone.start()
    assert run_cli("validate", "--probe", "--config", config).returncode == 0


def test_probe_does_not_touch_files(tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text("precious\n")
    config = tmp_path / "c.yaml"
    config.write_text(RECEIVER + f"exporters: {{file: {{path: '{data}'}}}}\nservice: {{pipelines: "
                      "{logs: {receivers: [otlp], exporters: [file]}}}\n")
    result = run_cli("validate", "--probe", "--config", config)
    assert result.returncode == 0 and "skipped" in result.stdout
    assert data.read_text() == "precious\n"


def test_a_configuration_may_come_from_a_web_server(tmp_path, web, make_backend, make_collector):
    first, second = make_backend("first"), make_backend("second")
    page = tmp_path / "c.yaml"
    page.write_text(pass_through(first))
    collector = make_collector(args=["--config", f"{web}/c.yaml"])
    page.write_text(pass_through(second))
    collector.reload()
    collector.wait_for_log("Config updated, reload complete")
    page.unlink()
    collector.reload()
    collector.wait_for_log("status code 404 instead of 200")
    assert collector.running
    assert run_cli("validate", "--config", f"{web}/none.yaml").returncode == 1
    assert collector.stop() == 0


def test_feature_gates_are_known_by_name():
    table = run_cli("featuregate")
    assert table.returncode == 0 and "confmap.enableMergeAppendOption" in table.stdout
    assert run_cli("featuregate", "service.partialReload").returncode == 0
    assert run_cli("featuregate", "no.such").returncode == 1
    accepted = run_cli("--feature-gates=no.such,-service.partialReload", "featuregate")
    assert accepted.returncode == 0 and 'there is no gate "no.such"' in accepted.stderr


def test_merged_lists_are_joined_with_the_gate(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(RECEIVER + "exporters: {debug: , nop: }\nservice: {pipelines: {logs: "
                     "{receivers: [otlp], exporters: [debug]}}}\n")
    second.write_text("service: {pipelines: {logs: {exporters: [nop]}}}\n")
    files = ["--config", first, "--config", second]
    gate = "--feature-gates=confmap.enableMergeAppendOption"
    assert "- debug" not in run_cli("print-config", *files).stdout
    joined = run_cli("print-config", gate, *files).stdout
    assert "- debug" in joined and "- nop" in joined


def test_completion_completes_commands_and_flags(tmp_path):
    script = tmp_path / "gapless.bash"
    script.write_text(run_cli("completion", "bash").stdout)
    ask = ('source {}; COMP_WORDS=({}); COMP_CWORD={}; _gapless; echo "${{COMPREPLY[@]}}"')
    for words, position, wanted in (("gapless va", 1, "validate"),
                                    ("gapless validate --pr", 2, "--probe")):
        done = subprocess.run(["bash", "-c", ask.format(script, words, position)], check=True,
                              capture_output=True, text=True)
        assert done.stdout.split() == [wanted], done
    for shell in ("zsh", "fish"):
        assert "validate" in run_cli("completion", shell).stdout
    assert run_cli("completion", "tcsh").returncode == 1


def test_what_nobody_knows_is_refused_with_what_was_meant():
    for args, words in ((["validat"], 'did you mean "validate"'), (["--bogus"], "unknown flag")):
        result = run_cli(*args)
        assert result.returncode == 1 and result.stderr.startswith("Error: ")
        assert words in result.stderr
