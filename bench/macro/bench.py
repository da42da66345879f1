"""What the macro benchmarks share: request bodies, the backend, the load, readings of processes."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
GAPLESS = ROOT / "build" / "release" / "gapless"
METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
TICKS = os.sysconf("SC_CLK_TCK")


def need(*tools):
    """Ends the program if a tool or the binary is missing."""
    for tool in tools:
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing")
    if not GAPLESS.exists():
        sys.exit("build/release/gapless is missing: ./run --version builds it")


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


class Sink:
    """The backend; counts requests and bytes and looks at nothing."""

    def __init__(self, folder, processor, port=None):
        self.port = port or free_port()
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
