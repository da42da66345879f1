"""The guide's health check script, unmodified but for its URLs and paths, drives a reload."""

import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.configs import exporter
from harness.load import Load
from harness.loopback import loopback_address
from harness.oracle import nothing_lost
from harness.wait import wait_until

SCRIPT = Path(__file__).parent / "guide" / "health_check_failover.py"
# Runs a script as it stands with its clock going faster.
FASTER = ("import runpy, sys, time; real = time.sleep; factor = float(sys.argv[2]); "
          "time.sleep = lambda seconds: real(seconds / factor); runpy.run_path(sys.argv[1])")


@pytest.fixture
def health():
    """A server for /health whose answer can be switched."""

    class Handler(BaseHTTPRequestHandler):
        status = 200

        def do_GET(self):  # noqa: N802 (a name of http.server)
            self.send_response(Handler.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer((loopback_address(), 0), Handler)
    server.handler = Handler
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def config(backend, name):
    import yaml
    exporter_id = f"otlp/{name}"
    return yaml.safe_dump({
        "exporters": {exporter_id: exporter(backend)},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": [exporter_id]}}},
    })


def drive(make_backend, make_collector, health, tmp_path, factor):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    pid_file = tmp_path / "pid"
    collector = make_collector(config(primary, "primary"), args=("--pid-file", pid_file))
    host, port = health.server_address
    text = SCRIPT.read_text()
    for old, new in (
            ("https://primary-backend.example.com/health", f"http://{host}:{port}/health"),
            ("/var/run/otelcol/pid", pid_file),
            ("/etc/otelcol/config-primary.yaml",
             collector.write_config("config-primary", config(primary, "primary"))),
            ("/etc/otelcol/config-secondary.yaml",
             collector.write_config("config-secondary", config(secondary, "secondary"))),
            ("/etc/otelcol/config.yaml", collector.configs[-1])):
        assert old in text
        text = text.replace(old, str(new))
    script = tmp_path / "health_check_failover.py"
    script.write_text(text)
    process = subprocess.Popen([sys.executable, "-c", FASTER, str(script), str(factor)])
    try:
        with Load(collector.grpc, ("traces",), connections=3, rate=50) as load:
            wait_until(lambda: len(primary.received) > 10, 10, "the load at the primary")
            health.handler.status = 503
            wait_until(lambda: len(secondary.received) > 10, 150 / factor + 10, "the secondary")
            health.handler.status = 200
            before = len(primary.received)
            wait_until(lambda: len(primary.received) > before + 10, 90 / factor + 10, "the primary")
            assert process.poll() is None, "the script died"
    finally:
        process.kill()
        process.wait()
    assert load.refused == []
    assert nothing_lost(load.acked, primary, secondary).duplicates == 0
    assert collector.stop() == 0


def test_the_script_of_the_guide_switches_there_and_back(
        make_backend, make_collector, health, tmp_path):
    drive(make_backend, make_collector, health, tmp_path, factor=60)


@pytest.mark.long
def test_the_script_of_the_guide_switches_at_its_own_pace(
        make_backend, make_collector, health, tmp_path):
    drive(make_backend, make_collector, health, tmp_path, factor=1)
