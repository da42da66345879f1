#!/usr/bin/env python3
"""Throughput of ordered metrics: many resources or one, a backend far away or near.

Data of one resource is never under way twice to one backend, so its latency counts. Clients send
requests of one resource each, one after the other, through the batch processor with its defaults;
the backend answers every request after the latency and counts bytes, of which every point has the
same number. Points per second are what the backend got while the load ran.

  bench/macro/order.py [--resources N ...] [--latency MS ...] [--seconds N] [--points N]
                       [--rounds N] [--storage] [--binary PATH ...]

With several binaries they are measured in turns, to compare one version with another. Exit status 1
if a promise is not kept: at 100 ms 200,000 points/s with 50 resources, 50,000 with one.

Needs: build/release/gapless (./run builds it) or --binary, taskset.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from bench import GAPLESS, cpu_seconds, field, free_port, memory_mb, varint, wait_for

OUR_PROCESSOR, OTHER_PROCESSOR = "0", "1"
CONNECTIONS = 8
WARM_UP_SECONDS = 2
# (latency in ms, resources): points per second.
PROMISES = {(100, 50): 200_000, (100, 1): 50_000}


def fixed64(number, value):
    return varint(number * 8 + 1) + value.to_bytes(8, "little")


def attribute(key, value):
    return field(1, key) + field(2, field(1, value))


def request_of(resource, points):
    """An export of gauges, ten points each; of the same size for every resource."""
    time_ns = 1_700_000_000_000_000_000
    metrics = b""
    for first in range(0, points, 10):
        series = b""
        for i in range(first, min(first + 10, points)):
            label = field(7, attribute(b"route", b"/checkout/%04d" % i))
            series += field(1, label + fixed64(3, time_ns) + fixed64(4, i))
        metrics += field(2, field(1, b"requests.%04d" % first) + field(5, series))
    name = field(1, attribute(b"service.name", b"service-%06d" % resource))
    return field(1, field(1, name) + field(2, metrics))


def pin(processor):
    os.sched_setaffinity(0, {int(processor)})


class Backend(asyncio.Protocol):
    """One connection: answers each request after the latency, looks at its length only."""

    ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
              b"Content-Length: 0\r\n\r\n")

    def __init__(self, latency, counter):
        self.latency, self.counter = latency, counter
        self.head, self.body, self.missing = b"", 0, 0

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        while data:
            if self.missing > 0:
                taken = min(self.missing, len(data))
                self.missing -= taken
                data = data[taken:] if taken < len(data) else b""
                if self.missing == 0:
                    self.end()
                continue
            head, separator, rest = (self.head + data).partition(b"\r\n\r\n")
            if not separator:
                self.head = head
                return
            self.head, data = b"", rest
            self.body = self.missing = self.length_in(head)
            if self.missing == 0:
                self.end()

    @staticmethod
    def length_in(head):
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                return int(value)
        raise ValueError("a request without Content-Length")

    def end(self):
        size = self.body
        if self.latency > 0:
            asyncio.get_running_loop().call_later(self.latency, self.answer, size)
        else:
            self.answer(size)

    def answer(self, size):
        self.counter.value += size
        if not self.transport.is_closing():
            self.transport.write(self.ANSWER)


def run_backend(port, latency, counter):
    async def serve():
        server = await asyncio.get_running_loop().create_server(
            lambda: Backend(latency, counter), "127.0.0.1", port)
        await server.serve_forever()

    pin(OTHER_PROCESSOR)
    asyncio.run(serve())


def run_load(port, resources, points):
    """Each connection has resources of its own: the order of each is that of its requests."""

    async def client(own):
        bodies = []
        for resource in own:
            body = request_of(resource, points)
            head = (b"POST /v1/metrics HTTP/1.1\r\nHost: bench\r\n"
                    b"Content-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n")
            bodies.append(head % len(body) + body)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        at = 0
        while True:
            writer.write(bodies[at])
            head = await reader.readuntil(b"\r\n\r\n")
            length = Backend.length_in(head)
            if length:
                await reader.readexactly(length)
            if b" 200 " in head[:16]:
                at = (at + 1) % len(bodies)
            else:  # the queue is full
                await asyncio.sleep(0.01)

    async def clients():
        count = min(CONNECTIONS, resources)
        await asyncio.gather(*(client(range(i, resources, count)) for i in range(count)))

    pin(OTHER_PROCESSOR)
    asyncio.run(clients())


def start_gapless(binary, folder, backend_port, storage):
    port = free_port()
    extra = "sending_queue: {storage: file_storage}" if storage else ""
    config = folder / "gapless.yaml"
    config.write_text(f"""
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{port}"}}}}}}}}
processors: {{batch: {{}}}}
exporters:
  otlp_http:
    endpoint: "http://127.0.0.1:{backend_port}"
    compression: none
    {extra}
extensions: {{file_storage: {{directory: {folder}/journal, create_directory: true}}}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: none, readers: []}}}}
  pipelines: {{metrics: {{receivers: [otlp], processors: [batch], exporters: [otlp_http]}}}}
""")
    process = subprocess.Popen(["taskset", "-c", OUR_PROCESSOR, binary, "--config", config],
                               stderr=(folder / "gapless.log").open("w"))
    wait_for(port)
    return process, port


def measure(binary, resources, latency, options):
    """Points per second, CPU in us per 1000 points, MB at the peak."""
    size = len(request_of(0, options.points))
    counter = multiprocessing.Value("Q", 0)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="gapless-order-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        backend_port = free_port()
        backend = multiprocessing.Process(
            target=run_backend, args=(backend_port, latency / 1000, counter), daemon=True)
        backend.start()
        stack.callback(backend.terminate)
        wait_for(backend_port)
        process, port = start_gapless(binary, folder, backend_port, options.storage)
        stack.callback(process.wait)
        stack.callback(process.kill)
        load = multiprocessing.Process(
            target=run_load, args=(port, resources, options.points), daemon=True)
        load.start()
        stack.callback(load.terminate)
        time.sleep(WARM_UP_SECONDS)
        began, had, used = time.monotonic(), counter.value, cpu_seconds([process.pid])
        time.sleep(options.seconds)
        took = time.monotonic() - began
        got = (counter.value - had) / size * options.points
        used = cpu_seconds([process.pid]) - used
        if not load.is_alive() or not backend.is_alive() or process.poll() is not None:
            sys.exit("the load, the backend or gapless ended early")
        return got / took, used / max(got, 1) * 1e9, memory_mb([process.pid])


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resources", type=int, nargs="+", default=[50, 1])
    parser.add_argument("--latency", type=int, nargs="+", default=[100, 0], help="ms")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--points", type=int, default=500, help="in a request")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--storage", action="store_true",
                        help="the durable journal instead of the memory journal")
    parser.add_argument("--binary", type=pathlib.Path, nargs="+", default=[GAPLESS])
    options = parser.parse_args()
    for binary in options.binary:
        if not binary.exists():
            sys.exit(f"{binary} is missing: ./run --version builds it")

    print(f"{options.points} points, {len(request_of(0, options.points)) / 1000:.0f} KB a request, "
          f"{'durable' if options.storage else 'memory'} journal")
    print(f"{'latency':>8}{'resources':>11}{'points/s':>12}{'CPU us/1000':>13}{'peak MB':>9}"
          "  binary")
    kept = True
    for latency in options.latency:
        for resources in options.resources:
            rows = {binary: [] for binary in options.binary}
            for _ in range(options.rounds):
                for binary, figures in rows.items():
                    figures.append(measure(binary, resources, latency, options))
            for binary, figures in rows.items():
                rate, used, memory = (statistics.median(column) for column in zip(*figures))
                promise = PROMISES.get((latency, resources), 0)
                kept = kept and rate >= promise
                print(f"{latency:>5} ms{resources:>11}{rate:>12,.0f}{used:>13.0f}{memory:>9.0f}"
                      f"  {binary}{'' if rate >= promise else f'  NOT KEPT: {promise:,}'}",
                      flush=True)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
