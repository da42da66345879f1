#!/usr/bin/env python3
"""CPU per request of one gRPC hop: gapless next to nginx grpc_pass, in the same run.

Both are pinned to one processor; the load (h2load) and the backend (`gapless sink --blind`) run on
another. CPU is what the operating system charged to the process under test from the first request
until the backend has everything.

  bench/macro/otlp_grpc_to_otlp_grpc.py [--requests N] [--spans N] [--rounds N] [--storage]

Needs: build/release/gapless (./run builds it), nginx, h2load.
"""

import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GAPLESS = ROOT / "build" / "release" / "gapless"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TICKS = os.sysconf("SC_CLK_TCK")


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    out.append(value)
    return bytes(out)


def field(number, body):
    return varint(number * 8 + 2) + varint(len(body)) + body


def span(index):
    """About 360 bytes: the size of an ordinary span with ten attributes."""
    body = (
        field(1, index.to_bytes(16, "big"))
        + field(2, index.to_bytes(8, "big"))
        + field(5, b"GET /checkout")
    )
    for i in range(10):
        value = field(1, b"v-%04d" % (index * 7 % 10000))
        body += field(9, field(1, b"attribute.name.%d" % i)[0:] + field(2, value)[0:])
    return field(2, body)


def request_body(spans):
    scope = field(1, field(1, b"bench")) + b"".join(span(i + 1) for i in range(spans))
    resource = field(1, field(1, field(1, b"service.name") + field(2, field(1, b"bench"))))
    message = field(1, resource + field(2, scope))
    return b"\0" + len(message).to_bytes(4, "big") + message


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit(f"nothing listens on port {port}")


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_mb(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1])
    return total / 1024


def children_of(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Sink:
    """The backend; counts requests and bytes and looks at nothing."""

    def __init__(self, folder, processor):
        self.port = free_port()
        self.log = folder / "sink.count"
        self.process = subprocess.Popen(
            [
                "taskset",
                "-c",
                processor,
                GAPLESS,
                "sink",
                "--grpc",
                f"127.0.0.1:{self.port}",
                "--http",
                "127.0.0.1:0",
                "--blind",
                "--count",
                self.log,
            ],
            stdout=subprocess.DEVNULL,
        )
        wait_for(self.port)

    def count(self):
        try:
            return int(self.log.read_text() or 0)
        except (FileNotFoundError, ValueError):
            return 0

    def wait_for_count(self, wanted):
        for _ in range(1200):
            if self.count() >= wanted:
                return
            time.sleep(0.05)
        sys.exit(f"the backend got {self.count()} of {wanted} requests")


def start_nginx(folder, processor, sink):
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 0; client_body_buffer_size 1m;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  upstream sink {{ server 127.0.0.1:{sink.port}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} http2; location / {{ grpc_pass grpc://sink; }} }}
}}""")
    process = subprocess.Popen(["taskset", "-c", processor, "nginx", "-p", folder, "-c", config])
    wait_for(port)
    return process, port, lambda: children_of(process.pid)


def start_gapless(folder, processor, sink, storage, compression):
    port = free_port()
    queue = "{queue_size: 100000, storage: file_storage}" if storage else "{queue_size: 100000}"
    config = folder / "gapless.yaml"
    config.write_text(f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
exporters:
  otlp/primary:
    {{endpoint: "127.0.0.1:{sink.port}", tls: {{insecure: true}}, compression: {compression}}}
  otlp/secondary:
    {{endpoint: "127.0.0.1:{sink.port}", tls: {{insecure: true}}, compression: {compression}}}
connectors:
  failover: {{priority_levels: [[otlp/primary], [otlp/secondary]], sending_queue: {queue}}}
extensions: {{file_storage: {{directory: {folder}/journal, create_directory: true}}}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: none, readers: []}}}}
  pipelines:
    traces/in: {{receivers: [otlp], exporters: [failover]}}
    traces/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    traces/secondary: {{receivers: [failover], exporters: [otlp/secondary]}}
""")
    process = subprocess.Popen(
        ["taskset", "-c", processor, GAPLESS, "--config", config],
        stderr=(folder / "gapless.log").open("w"),
    )
    wait_for(port)
    return process, port, lambda: [process.pid]


def run_load(processor, port, body, requests, connections, streams):
    result = subprocess.run(
        [
            "taskset",
            "-c",
            processor,
            "h2load",
            "-n",
            str(requests),
            "-c",
            str(connections),
            "-m",
            str(streams),
            "-w",
            "20",
            "-W",
            "22",
            "-d",
            body,
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
            f"http://127.0.0.1:{port}{METHOD}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(l for l in result.stdout.splitlines() if l.startswith("requests:"))
    succeeded = int(line.split(" succeeded")[0].rsplit(",", 1)[1])
    finished = next(l for l in result.stdout.splitlines() if l.startswith("finished in"))
    text = finished.split(",")[0].split()[-1]
    seconds = float(text[:-2]) / 1000 if text.endswith("ms") else float(text[:-1])
    return succeeded, seconds


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--spans", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument(
        "--storage", action="store_true", help="the durable journal instead of the memory journal"
    )
    parser.add_argument("--compression", default="none")
    options = parser.parse_args()
    for tool in ("nginx", "h2load", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing")
    if not GAPLESS.exists():
        sys.exit("build/release/gapless is missing: ./run --version builds it")

    folder = pathlib.Path(tempfile.mkdtemp(prefix="gapless-bench-"))
    started = []
    try:
        body = folder / "body.bin"
        body.write_bytes(request_body(options.spans))
        sink = Sink(folder, "1")
        started.append(sink.process)
        peers = {}
        for name, start in (
            ("nginx", lambda: start_nginx(folder, "0", sink)),
            (
                "gapless",
                lambda: start_gapless(folder, "0", sink, options.storage, options.compression),
            ),
        ):
            peers[name] = start()
            started.append(peers[name][0])
        figures = {name: [] for name in peers}
        for round_number in range(options.rounds + 1):
            for name, (_, port, pids) in peers.items():
                before, had = cpu_seconds(pids()), sink.count()
                succeeded, seconds = run_load(
                    "1", port, body, options.requests, options.connections, options.streams
                )
                if succeeded != options.requests:
                    sys.exit(f"{name}: {succeeded} of {options.requests} requests succeeded")
                sink.wait_for_count(had + options.requests)
                used = (cpu_seconds(pids()) - before) / options.requests * 1e6
                if round_number > 0:  # the first one warms up
                    figures[name].append((used, options.requests / seconds))
        nginx = statistics.median(used for used, _ in figures["nginx"])
        print(
            f"{options.spans} spans, {body.stat().st_size / 1000:.0f} KB,"
            f" {options.connections} connections x {options.streams},"
            f" compression {options.compression},"
            f" {'durable' if options.storage else 'memory'} journal"
        )
        print(f"{'':10}{'CPU us/request':>16}{'x nginx':>10}{'requests/s':>12}{'peak MB':>9}")
        for name, (_, _, pids) in peers.items():
            used = statistics.median(u for u, _ in figures[name])
            rate = statistics.median(r for _, r in figures[name])
            print(
                f"{name:10}{used:>16.0f}{used / nginx:>10.2f}{rate:>12.0f}{memory_mb(pids()):>9.0f}"
            )
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(timeout=40)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
