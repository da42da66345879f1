"""What a client sends to, beside gapless itself: a stock Collector."""

import tools

from harness.collector import Collector


class StockCollector(Collector):
    """The Collector that tests/interop builds, with the same configuration: the peer that gapless
    is measured against."""

    def program(self):
        return [str(tools.real_collector())]

    def base(self):
        protocols = {"grpc": {"endpoint": self.grpc}, "http": {"endpoint": f"{self.host}:4318"}}
        return {"receivers": {"otlp": {"protocols": protocols}},
                "service": {"telemetry": {"metrics": {"level": "none"}}}}
