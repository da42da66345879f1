#!/usr/bin/env python3
"""CPU per request of one gRPC hop: gapless next to nginx grpc_pass, in the same run.

Both are pinned to one processor; the load (h2load) and the backend (`gapless sink --blind`) run on
another. CPU is what the operating system charged to the process under test from the first request
until the backend has everything.

  bench/macro/otlp_grpc_to_otlp_grpc.py [--requests N] [--spans N] [--rounds N] [--storage]
                                        [--binary PATH ...]

With several binaries they are measured in turns, to compare one version with another.

Needs: build/release/gapless (./run builds it) or --binary, nginx, h2load.
"""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from bench import (GAPLESS, Sink, cpu_seconds, free_port, memory_mb, need, request_body, run_load,
                   wait_for)


def children_of(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


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


def start_gapless(binary, folder, processor, sink, storage, compression):
    port = free_port()
    folder.mkdir()
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
        ["taskset", "-c", processor, binary, "--config", config],
        stderr=(folder / "gapless.log").open("w"),
    )
    wait_for(port)
    return process, port, lambda: [process.pid]


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
    parser.add_argument("--binary", nargs="+", default=[str(GAPLESS)])
    options = parser.parse_args()
    need("nginx", "h2load", "taskset")

    folder = pathlib.Path(tempfile.mkdtemp(prefix="gapless-bench-"))
    started = []
    try:
        body = folder / "body.bin"
        body.write_bytes(request_body(options.spans))
        sink = Sink(folder, "1")
        started.append(sink.process)
        peers = {}
        peers["nginx"] = start_nginx(folder, "0", sink)
        started.append(peers["nginx"][0])
        for number, binary in enumerate(options.binary):
            name = "gapless" if len(options.binary) == 1 else f"gapless {number}"
            peers[name] = start_gapless(binary, folder / f"gapless{number}", "0", sink,
                                        options.storage, options.compression)
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
