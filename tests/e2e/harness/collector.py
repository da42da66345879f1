"""Collector: the gapless binary as a process, with its log, its metrics and its end."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from harness.activation import activation
from harness.loopback import loopback_address
from harness.wait import wait_until

READY = "Everything is ready. Begin running and processing data."
ROOT = Path(__file__).resolve().parents[3]
# Sanitizers make everything slower; limits of tests that measure time are multiplied by this.
SLOWNESS = {"asan": 3.0, "tsan": 5.0}.get(os.environ.get("GAPLESS_PRESET", ""), 1.0)


def binary():
    path = Path(os.environ.get("GAPLESS_BINARY", ROOT / "build" / "dev" / "gapless"))
    assert path.exists(), f"{path} is not built: ./test builds it"
    return path


def run_cli(*args, env=None, timeout=30):
    """A sub-command to its end; stdout and stderr as text."""
    command = [str(binary()), *map(str, args)]
    merged = {**os.environ, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=merged)


@dataclass(frozen=True)
class LogLine:
    """One console line: time, level, caller, message, fields (a dict)."""

    time: str
    level: str
    message: str
    fields: dict
    raw: str


CONSOLE = re.compile(r"^(\d{4}-\d\d-\d\dT\S+)\t(\w+)\t(.*)$")


def parse_line(raw):
    found = CONSOLE.match(raw)
    if not found:
        return None
    parts = found.group(3).split("\t")
    fields = {}
    if parts and parts[-1].startswith("{"):
        try:
            fields = json.loads(parts.pop())
        except json.JSONDecodeError:
            pass
    # [logger name] and caller come before the message.
    return LogLine(found.group(1), found.group(2), parts[-1] if parts else "", fields, raw)


def merge(base, extra):
    """The merge of several --config: maps by key, everything else replaced."""
    result = dict(base)
    for key, value in extra.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merge(result[key], value)
        result[key] = value
    return result


class Collector:
    """Starts with the given YAML text, or several (each its own --config), completed by a receiver
    on a loopback address of its own and a metrics reader, unless bare=True. sockets: listening ones
    that each of its processes inherits (activation.py)."""

    def __init__(self, *texts, args=(), env=None, bare=False, wait=True, host=None, sockets=(),
                 prefix=()):
        self.host = host or loopback_address()
        self.folder = Path(tempfile.mkdtemp(prefix="gapless-collector-"))
        self.log_path = self.folder / "log"
        # A state directory of its own: journals outlive a process, and must not meet another test.
        self._env = {**os.environ, "XDG_STATE_HOME": str(self.folder / "state"), **(env or {})}
        self.configs = []
        if not bare:
            self.configs.append(self.write_config("base", yaml.safe_dump(self.base())))
        for index, text in enumerate(texts):
            self.configs.append(self.write_config(f"config{index}", text))
        self._args = [*args]
        self._sockets = [*sockets]
        self._prefix = [*prefix]
        self.process = None
        self.status = None
        self.start(wait)

    def base(self):
        reader = {"host": self.host, "port": 8888}
        return {
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": self.grpc},
                                                 "http": {"endpoint": f"{self.host}:4318"}}}},
            "service": {"admin": {"endpoint": self.admin}, "telemetry": {"metrics": {
                "readers": [{"pull": {"exporter": {"prometheus": reader}}}]}}},
        }

    @property
    def grpc(self):
        return f"{self.host}:4317"

    @property
    def admin(self):
        return f"{self.host}:13134"

    def ask_admin(self, method, path, **query):
        """The answer of the admin API."""
        return requests.request(method, f"http://{self.admin}{path}", params=query, timeout=30,
                                headers={"X-Gapless-Request": "1"})

    @property
    def http(self):
        return f"http://{self.host}:4318"

    def write_config(self, name, text):
        path = self.folder / f"{name}.yaml"
        path.write_text(text)
        return path

    # Life.

    def program(self):
        """The words before the arguments; a derived class may run something else."""
        return activation(self._sockets, [str(binary())]) if self._sockets else [str(binary())]

    def inherited(self):
        """Descriptors that the process gets, too."""
        return [held.fileno() for held in self._sockets]

    def command(self):
        configs = [word for path in self.configs for word in ("--config", str(path))]
        return [*self._prefix, *self.program(), *configs, *self._args]

    def start(self, wait=True, timeout=20 * SLOWNESS):
        """Also a second time: waits for the readiness of this start."""
        starts = self.log.count(READY) if self.log_path.exists() else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stderr=log, stdout=log,
                                            stdin=subprocess.DEVNULL, env=self._env,
                                            cwd=self.folder, pass_fds=self.inherited())
        if wait:
            self.wait_for_log(READY, timeout=timeout, count=starts + 1)

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        self.signal(signal.SIGHUP)

    def terminate(self):
        self.signal(signal.SIGTERM)

    def wait_for_exit(self, timeout=40):
        """The exit status."""
        self.status = self.process.wait(timeout)
        return self.status

    def stop(self, timeout=40):
        """SIGTERM and the exit status."""
        self.terminate()
        return self.wait_for_exit(timeout)

    @property
    def running(self):
        return self.process.poll() is None

    def destroy(self):
        """Ends it whatever it does; complains when it had already died of a signal."""
        crashed = self.process.poll()
        if crashed is None:
            self.process.kill()
            self.process.wait()
        elif crashed < 0 and self.status is None:
            raise AssertionError(f"the collector died of signal {-crashed}\n{self.log_tail()}")

    # Log.

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def log_lines(self):
        return [line for line in map(parse_line, self.log.splitlines()) if line]

    def log_tail(self, lines=60):
        return "\n".join(self.log.splitlines()[-lines:])

    def lines_with(self, *words):
        """Log lines that contain every word, in any case."""
        return [line for line in self.log_lines()
                if all(word.lower() in line.raw.lower() for word in words)]

    def wait_for_log(self, text, timeout=10, count=1):
        def found():
            if self.log.count(text) >= count:
                return True
            assert self.running or count == 0, f"it exited instead of {text!r}:\n{self.log_tail()}"
            return False

        wait_until(found, timeout, lambda: f"{text!r} in the log:\n{self.log_tail()}")

    # Metrics.

    def metrics_text(self):
        return requests.get(f"http://{self.host}:8888/metrics", timeout=5).text

    def metrics(self):
        """{(name, frozenset of label pairs): value}"""
        values = {}
        for line in self.metrics_text().splitlines():
            found = re.match(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$", line)
            if found:
                labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', found.group(2) or ""))
                values[found.group(1), labels] = float(found.group(3))
        return values

    def metric(self, name, **labels):
        """The sum over all series of that name that have these labels."""
        wanted = set(labels.items())
        return sum(value for (found, pairs), value in self.metrics().items()
                   if found == name and wanted <= pairs)

    def holds(self, folder):
        """Whether it has a file below this folder open."""
        links = Path(f"/proc/{self.process.pid}/fd").iterdir()
        return any(os.path.realpath(link).startswith(f"{folder}/") for link in links)

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def now():
    return time.monotonic()
