"""Configurations and clients that rely on the rules of Go (docs/architecture/go-rules.md)."""

import base64
import json
import os
import re
import socket
import sys

import pytest
import yaml

from harness.collector import run_cli
from harness.configs import pass_through
from harness.items import make_body
from harness.load import GrpcClient
from harness.loopback import loopback_address
from harness.raw import ask, http_post
from harness.wait import wait_until
from harness.web_backend import WebBackend


def into_file(path, processors=None, behind=False):
    """One level with a file; the processors in front of the journal, or behind it."""
    names = list(processors or {})
    return yaml.safe_dump({
        "processors": processors or {},
        "exporters": {"file/a": {"path": str(path)}},
        "connectors": {"failover": {"priority_levels": [["file/a"]]}},
        "service": {"pipelines": {
            "traces/in": {"receivers": ["otlp"], "processors": [] if behind else names,
                          "exporters": ["failover"]},
            "traces/a": {"receivers": ["failover"], "processors": names if behind else [],
                         "exporters": ["file/a"]}}}})


def lines_of(path, count=1):
    def there():
        return path.exists() and len(path.read_text().splitlines()) >= count
    wait_until(there, 10, f"{count} lines in {path}")
    return [json.loads(line) for line in path.read_text().splitlines()]


def attributes_of(requests_in_file):
    return [{pair["key"]: pair["value"] for pair in span.get("attributes", [])}
            for request in requests_in_file for resource in request["resourceSpans"]
            for scope in resource["scopeSpans"] for span in scope["spans"]]


@pytest.mark.parametrize("target", (
    "http://collector.example:4318/v1/traces", "HTTP://collector.example/v1/traces",
    "//v1/traces", "/v1//traces", "/./v1/x/../traces", "/v1/trac%65s"))
def test_a_target_that_means_the_path_is_taken(make_backend, make_collector, target):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    body, ids = make_body("traces")
    answer = ask(f"{collector.host}:4318", http_post(target, body, Connection="close"))
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    backend.wait_for_ids(ids)


def test_the_user_in_a_url_becomes_an_authorization_unless_one_is_configured(make_collector):
    backend = WebBackend(lambda request: 200)
    place = backend.endpoint.split("://")[-1]
    url = f"HTTP://joe:s3cret%40x@{place}"
    config = {"exporters": {"otlphttp/url": {"endpoint": url},
                            "otlphttp/own": {"endpoint": url,
                                             "headers": {"authorization": "Bearer b"}}},
              "service": {"pipelines": {"traces": {"receivers": ["otlp"],
                                                   "exporters": ["otlphttp/url",
                                                                 "otlphttp/own"]}}}}
    collector = make_collector(yaml.safe_dump(config))
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    wait_until(lambda: len([r for r in backend.requests if r.body]) >= 2, 10, "two requests")
    found = {request.headers.get("authorization") for request in backend.requests}
    assert found == {"Basic " + base64.b64encode(b"joe:s3cret@x").decode(), "Bearer b"}
    assert {request.headers["host"] for request in backend.requests} == {place}
    assert "s3cret" not in collector.log


def test_a_group_may_be_named_without_a_p(make_collector, tmp_path):
    path = tmp_path / "out.json"
    processors = {"attributes": {"actions": [
        {"key": "url", "value": "https://h/p", "action": "insert"},
        {"key": "url", "action": "extract", "pattern": "^(?<proto>[a-z]+)://"}]}}
    collector = make_collector(into_file(path, processors))
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    (found,) = attributes_of(lines_of(path))
    assert found["proto"] == {"stringValue": "https"}


@pytest.mark.parametrize("behind", (False, True))
def test_the_address_of_the_client_is_known_in_front_of_the_journal_and_behind_it(
        make_collector, tmp_path, behind):
    path = tmp_path / "out.json"
    processors = {"attributes": {"actions": [
        {"key": "addr", "from_context": "client.address", "action": "upsert"}]}}
    collector = make_collector(into_file(path, processors, behind))
    with GrpcClient(collector.grpc) as client:
        client.send("traces")
    body, _ = make_body("traces")
    source = loopback_address()
    with socket.create_connection((collector.host, 4318), source_address=(source, 0)) as connection:
        connection.sendall(http_post("/v1/traces", body))
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    found = [one["addr"]["stringValue"] for one in attributes_of(lines_of(path, 2))]
    assert sorted(found) == sorted({"127.0.0.1", source})


@pytest.mark.parametrize("rotation", (None, {"max_megabytes": 1}))
def test_a_file_exporter_writes_to_standard_output(make_collector, tmp_path, rotation):
    text = yaml.safe_load(into_file("/dev/stdout"))
    text["exporters"]["file/a"].update({"rotation": rotation} if rotation else {})
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    out = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    collector = make_collector(yaml.safe_dump(text),
                               prefix=["sh", "-c", f'exec "$@" >{pipe}', "sh"])
    with GrpcClient(collector.grpc) as client:
        ids = [client.send("traces") for _ in range(3)]
    seen = b""

    def complete():
        nonlocal seen
        try:
            seen += os.read(out, 65536)
        except BlockingIOError:
            pass
        return seen.count(b"\n") >= 3
    wait_until(complete, 10, "three lines in the pipe")
    assert len(attributes_of([json.loads(line) for line in seen.splitlines()])) == len(ids)
    os.close(out)


TO_SOCKET = """
import os, socket, sys
end = socket.socket(socket.AF_UNIX)
end.connect(sys.argv[1])
os.dup2(end.fileno(), 1)
os.execvp(sys.argv[2], sys.argv[2:])
"""


def test_a_file_exporter_writes_to_standard_output_that_is_a_socket(make_collector, tmp_path):
    """As systemd and ssh have it: such a file cannot be opened by its name."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "out.sock"))
    listener.listen()
    collector = make_collector(into_file("/dev/stdout"),
                               prefix=[sys.executable, "-c", TO_SOCKET, str(tmp_path / "out.sock")])
    out, _ = listener.accept()
    with GrpcClient(collector.grpc) as client:
        ids = [client.send("traces") for _ in range(3)]
    out.settimeout(10)
    seen = b""
    while seen.count(b"\n") < 3:
        seen += out.recv(65536)
    assert len(attributes_of([json.loads(line) for line in seen.splitlines()])) == len(ids)
    out.close()
    listener.close()


def test_own_metrics_are_a_page_that_prometheus_takes(make_backend, make_collector):
    resource = {"my.label": "x", "my-label": "y", "le": "z"}
    host = loopback_address()
    reader = {"pull": {"exporter": {"prometheus": {
        "host": host, "port": 8888, "with_resource_constant_labels": {"included": ["*"]}}}}}
    config = {"service": {"telemetry": {"resource": resource, "metrics": {"readers": [reader]}}}}
    collector = make_collector(pass_through(make_backend(), signals=("traces",)),
                               yaml.safe_dump(config), host=host)
    page = collector.metrics_text()
    assert 'my_label="y;x"' in page
    for line in page.splitlines():
        names = re.findall(r'[{,]([a-zA-Z_]\w*)="', line)
        assert len(names) == len(set(names)), line


def test_print_config_shows_a_text_that_looks_like_a_number_as_it_runs(make_collector, tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("receivers: {otlp: {protocols: {grpc: }}}\nexporters: {nop: }\n"
                    "service:\n  telemetry: {resource: {aws.account: '${env:ACC}'}}\n"
                    "  pipelines: {traces: {receivers: [otlp], exporters: [nop]}}\n")
    done = run_cli("print-config", "--config", path, env={"ACC": "012345678901"})
    assert done.returncode == 0, done.stderr
    assert "aws.account: 012345678901\n" in done.stdout
    again = tmp_path / "again.yaml"
    again.write_text(done.stdout)
    assert run_cli("print-config", "--config", again).stdout == done.stdout


def test_a_ca_as_a_plain_file_in_a_directory_is_trusted(
        make_backend, make_collector, client_of, authority, tmp_path):
    host = loopback_address()
    backend = make_backend(host=host, tls=authority.server(host))
    (tmp_path / "cas").mkdir()
    (tmp_path / "cas" / "corp.pem").write_bytes(authority.ca.read_bytes())
    collector = make_collector(pass_through(backend, tls={"insecure": False}),
                               env={"SSL_CERT_DIR": str(tmp_path / "cas")})
    backend.wait_for_ids(client_of(collector).send("traces"))


def test_a_socket_file_goes_with_a_start_that_fails(make_collector, tmp_path):
    path = tmp_path / "x.sock"
    with socket.socket() as taken:
        host = loopback_address()
        taken.bind((host, 0))
        taken.listen()
        config = {"receivers": {
            "otlp/a": {"protocols": {"grpc": {"transport": "unix", "endpoint": str(path)}}},
            "otlp/b": {"protocols": {"grpc": {"endpoint": f"{host}:{taken.getsockname()[1]}"}}}},
            "exporters": {"nop": {}},
            "service": {"pipelines": {"traces": {"receivers": ["otlp/a", "otlp/b"],
                                                 "exporters": ["nop"]}}}}
        collector = make_collector(yaml.safe_dump(config), wait=False)
        assert collector.wait_for_exit() != 0
    assert not path.exists()
