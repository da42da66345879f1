"""What a client sends to: gapless, gapless with sockets that outlive it, or a stock Collector."""

import socket
import sys
from pathlib import Path

import tools

from harness.collector import Collector

LAUNCHER = Path(__file__).resolve().parent / "launch.py"
BACKLOG = 128


class ActivatedCollector(Collector):
    """The test holds the listening sockets, as systemd does under socket activation: each process
    gets them, and a restart leaves in their backlog what clients dial meanwhile."""

    def __init__(self, *texts, **options):
        self._listeners = []
        super().__init__(*texts, **options)

    def inherited(self):
        if not self._listeners:
            self._listeners = [socket.create_server((self.host, port), backlog=BACKLOG)
                               for port in (4317, 4318)]
        return tuple(listener.fileno() for listener in self._listeners)

    def program(self):
        descriptors = ",".join(map(str, self.inherited()))
        return [sys.executable, str(LAUNCHER), descriptors, *super().program()]

    def destroy(self):
        super().destroy()
        for listener in self._listeners:
            listener.close()


class StockCollector(Collector):
    """The Collector that tests/interop builds, with the same configuration: the peer that gapless
    is measured against."""

    def program(self):
        return [str(tools.real_collector())]

    def base(self):
        protocols = {"grpc": {"endpoint": self.grpc}, "http": {"endpoint": f"{self.host}:4318"}}
        return {"receivers": {"otlp": {"protocols": protocols}},
                "service": {"telemetry": {"metrics": {"level": "none"}}}}
