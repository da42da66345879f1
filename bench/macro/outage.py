#!/usr/bin/env python3
"""A day of outage: a million requests wait on disk, the process is killed, the backend comes back.

Measures what the durable journal promises for it, each next to what the machine can do in the same
run: memory while everything waits, the start after kill -9, the drain, and the space afterwards.
The exit status is 1 if a promise is not kept.

  bench/macro/outage.py [--requests N] [--spans N] [--folder DIRECTORY]

The default request, 20 spans in 7 KB, is a small one of those that SDKs send; a million of them
need 8 GB of disk. Of still smaller ones the processor limits the drain, not the disk.

Needs: build/release/gapless (./run builds it), h2load. As root it empties the page cache before it
reads; else the figures of reading come from memory.
"""

import argparse
import contextlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

from bench import GAPLESS, Sink, free_port, need, request_body, run_load

READY = "Everything is ready."
MERGED_SPANS = 8192
START_SECONDS_PER_GB = 2.0
DRAIN_PART = 0.7
# Of the machine's memory, for the journals of one storage.
MEMORY_PART = 8
SEGMENT = 64 << 20


class Gapless:
    def __init__(self, folder, backend_port):
        self.folder = folder
        self.port, self.metrics_port = free_port(), free_port()
        self.log = folder / "gapless.log"
        self.config = folder / "gapless.yaml"
        self.config.write_text(f"""
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{self.port}"}}}}}}}}
exporters:
  otlp:
    endpoint: "127.0.0.1:{backend_port}"
    tls: {{insecure: true}}
    compression: none
    retry_on_failure: {{initial_interval: 100ms, max_interval: 500ms, max_elapsed_time: 0s}}
    sending_queue:
      queue_size: 10000000
      storage: file_storage
      batch: {{min_size: {MERGED_SPANS}, max_size: {MERGED_SPANS}, flush_timeout: 200ms}}
extensions: {{file_storage: {{directory: {folder}/journal, create_directory: true}}}}
service:
  extensions: [file_storage]
  telemetry:
    metrics:
      readers: [{{pull: {{exporter: {{prometheus:
        {{host: 127.0.0.1, port: {self.metrics_port}}}}}}}}}]
  pipelines: {{traces: {{receivers: [otlp], exporters: [otlp]}}}}
""")
        self.process = None

    def start(self):
        """Seconds until it is ready."""
        began = time.monotonic()
        with self.log.open("w") as log:
            self.process = subprocess.Popen([GAPLESS, "--config", self.config], stderr=log)
        while READY not in self.log.read_text():
            if self.process.poll() is not None:
                sys.exit(self.log.read_text())
            time.sleep(0.002)
        return time.monotonic() - began

    def metric(self, name):
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def wait_until(self, name, value, seconds):
        for _ in range(int(seconds / 0.02)):
            if self.metric(name) == value:
                return
            time.sleep(0.02)
        sys.exit(f"{name} is {self.metric(name)}, not {value}, after {seconds} s")

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) * 1024
        return 0

    def segments(self):
        return sorted((self.folder / "journal").glob("*/*.seg"))

    def disk(self):
        blocks = 0
        for path in self.segments():
            with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                blocks += path.stat().st_blocks
        return blocks * 512


def forget_cache():
    subprocess.run(["sync"], check=True)
    with contextlib.suppress(PermissionError):
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return "disk"
    return "page cache"


def read_raw(paths):
    """Bytes per second of reading the segments from beginning to end."""
    began, total = time.monotonic(), 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while block := file.read(1 << 20):
                total += len(block)
    return total / (time.monotonic() - began)


def network_limit(folder, sink):
    """Bytes per second that the load brings to the backend directly, in requests of merged size."""
    body = folder / "merged.bin"
    body.write_bytes(request_body(MERGED_SPANS))
    count = 100
    succeeded, seconds = run_load("0,1", sink.port, body, count, 4, 4)
    if succeeded != count:
        sys.exit("the backend refuses the load")
    return count * body.stat().st_size / seconds


class Report:
    def __init__(self):
        self.kept = True

    def line(self, what, value, promise=None):
        verdict = "" if promise is None else ("ok" if promise else "NOT KEPT")
        self.kept = self.kept and promise is not False
        print(f"{what:<34}{value:<62}{verdict}", flush=True)


def run(folder, options, stack):
    report = Report()
    backend_port = free_port()
    gapless = Gapless(folder, backend_port)
    gapless.start()
    stack.callback(lambda: gapless.process.kill())
    idle = gapless.memory()
    body = folder / "body.bin"
    body.write_bytes(request_body(options.spans))
    payload = (body.stat().st_size - 5) * options.requests

    succeeded, seconds = run_load("0,1", gapless.port, body, options.requests, 50, 20)
    if succeeded != options.requests:
        sys.exit(f"{succeeded} of {options.requests} requests were acknowledged")
    gapless.wait_until("gapless_journal_pending_requests", options.requests, 30)
    held = gapless.memory() - idle
    total = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) * 1024
    report.line("stored", f"{options.requests} requests, {payload / 1e9:.2f} GB, "
                f"{options.requests / seconds:.0f} requests/s")
    report.line("memory while they wait", f"{held / 1e6:.0f} MB, "
                f"{held / options.requests:.0f} bytes per request "
                f"(budget {total / MEMORY_PART / 1e6:.0f} MB)",
                held < total / MEMORY_PART)
    full = gapless.disk()
    report.line("on disk", f"{full / 1e9:.2f} GB, {full / payload:.3f} x payload")

    gapless.process.kill()
    gapless.process.wait()
    forget_cache()
    read_raw(gapless.segments())  # a disk that has just been written to is slow for a while
    source = forget_cache()
    raw = read_raw(gapless.segments())
    forget_cache()
    seconds = gapless.start()
    report.line("start after kill -9", f"{seconds:.2f} s, {seconds / (full / 1e9):.2f} s per GB "
                f"({full / raw:.2f} s to read it raw)",
                seconds <= max(0.5, START_SECONDS_PER_GB * full / 1e9))

    sink = Sink(folder, "0,1")
    network = network_limit(folder, sink)
    sink.process.kill()
    forget_cache()
    limit = min(raw, network)
    sink = Sink(folder, "0,1", backend_port)
    stack.callback(sink.process.kill)
    # Sent items are counted at once, what is pending only twice a second.
    sent, items = 0, options.requests * options.spans
    while sent == 0:  # until the exporter tries again
        time.sleep(0.005)
        sent = gapless.metric("otelcol_exporter_sent_spans")
    began = time.monotonic()
    gapless.wait_until("otelcol_exporter_sent_spans", items, 600)
    drain = payload * (items - sent) / items / (time.monotonic() - began)
    report.line("drain", f"{drain / 1e6:.0f} MB/s ({source} reads {raw / 1e6:.0f}, "
                f"the load alone {network / 1e6:.0f})", drain >= DRAIN_PART * limit)

    for _ in range(200):
        if gapless.disk() <= 2 * SEGMENT:
            break
        time.sleep(0.05)
    left = gapless.disk()
    report.line("space afterwards", f"{left / 1e6:.0f} MB on disk, "
                f"{(gapless.memory() - idle) / 1e6:.0f} MB of memory", left <= 2 * SEGMENT)
    gapless.wait_until("gapless_journal_delivered_items", items, 10)
    report.line("delivered", f"{items} items", True)
    return report.kept


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--spans", type=int, default=20)
    parser.add_argument("--folder", help="on the disk to measure; default: the temporary folder")
    options = parser.parse_args()
    need("h2load", "taskset")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gapless-outage-", dir=options.folder))
    try:
        with contextlib.ExitStack() as stack:
            kept = run(folder, options, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
