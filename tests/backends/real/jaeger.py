"""Jaeger 2: acknowledges a span before its batch processor hands it to the storage."""

from collections import Counter

import requests
import yaml

from real.points import SERVICE
from real.store import Store


class Jaeger(Store):
    """storage: "memory" (its default) or "badger". protocol: "grpc" or "http"."""

    program_name = "jaeger"
    signal = "traces"

    def __init__(self, folder, label, **options):
        self.port = 4318 if options.get("protocol") == "http" else 4317
        super().__init__(folder, label, **options)

    def setup(self):
        storage = {"memory": {"max_traces": 1_000_000}}
        if self.options.get("storage") == "badger":
            directories = {"keys": f"{self.data}/keys", "values": f"{self.data}/values"}
            storage = {"badger": {"directories": directories, "ephemeral": False}}
        config = {
            "service": {
                "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
                "pipelines": {"traces": {"receivers": ["otlp"], "processors": ["batch"],
                                         "exporters": ["jaeger_storage_exporter"]}},
                "telemetry": {"metrics": {"level": "none"}},
            },
            "extensions": {
                "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"{self.host}:13133"}},
                "jaeger_query": {"storage": {"traces": "spans"},
                                 "http": {"endpoint": f"{self.host}:16686"},
                                 "grpc": {"endpoint": f"{self.host}:16685"}},
                "jaeger_storage": {"backends": {"spans": storage}},
            },
            "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"{self.host}:4317"},
                                                 "http": {"endpoint": f"{self.host}:4318"}}}},
            "processors": {"batch": None},
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "spans"}},
        }
        (self.folder / "jaeger.yaml").write_text(yaml.safe_dump(config))

    def command(self):
        return ["--config", self.folder / "jaeger.yaml"]

    @property
    def url(self):
        return f"http://{self.host}:16686"

    @property
    def ready_url(self):
        return f"http://{self.host}:13133/status"

    def stored(self):
        counts = Counter()
        services = self.ask("/api/services").json()["data"] or []
        for service in services:
            if service.startswith(SERVICE):
                query = {"service": service, "limit": 1_000_000, "lookback": "1h"}
                try:
                    traces = self.ask("/api/traces", **query).json()["data"] or []
                except requests.HTTPError as error:
                    raise AssertionError(f"Jaeger: {error.response.text}") from error
                counts.update(int(span["spanID"], 16) for trace in traces
                              for span in trace["spans"])
        return counts
