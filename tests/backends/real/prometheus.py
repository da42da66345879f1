"""Prometheus and Cortex: what is older than the newest of its series is answered 400, unless a
window for it is set."""

from collections import Counter

import requests
import yaml

from real.points import METRIC
from real.store import Store


class Prometheus(Store):
    """window: out_of_order_time_window, "" as it comes out of the box."""

    program_name = "prometheus"
    signal = "metrics"
    port = 9090

    def setup(self):
        window = self.options.get("window", "")
        tsdb = {"storage": {"tsdb": {"out_of_order_time_window": window}}} if window else {}
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(tsdb))

    def command(self):
        return [f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.data}",
                f"--web.listen-address={self.host}:{self.port}", "--web.enable-otlp-receiver",
                *self.options.get("flags", ())]

    @property
    def ready_url(self):
        return f"{self.url}/-/ready"

    def stored(self):
        answer = self.ask("/api/v1/query", query=f"{METRIC}[1h]").json()
        return counted(answer)


def counted(answer):
    """The values of all samples of a query's answer."""
    counts = Counter()
    for series in answer["data"]["result"]:
        counts.update(int(float(value)) for _, value in series["values"])
    return counts


class Cortex(Store):
    """limits: its section `limits`. Tenants are told apart by X-Scope-OrgID."""

    program_name = "cortex"
    signal = "metrics"
    port = 9009
    tenant = "team-a"

    def setup(self):
        def ring():
            return {"kvstore": {"store": "inmemory"}, "instance_addr": self.host}

        blocks = {"backend": "filesystem", "filesystem": {"dir": f"{self.data}/blocks"},
                  "tsdb": {"dir": f"{self.data}/tsdb"},
                  "bucket_store": {"sync_dir": f"{self.data}/sync"}}
        lifecycler = {"ring": {"kvstore": {"store": "inmemory"}, "replication_factor": 1},
                      "min_ready_duration": "0s", "final_sleep": "0s", "address": self.host}
        config = {
            "auth_enabled": True,
            "server": {"http_listen_address": self.host, "http_listen_port": self.port,
                       "grpc_listen_address": self.host, "grpc_listen_port": 9095},
            "distributor": {"ring": ring(), "shard_by_all_labels": True},
            "ingester": {"lifecycler": lifecycler},
            "blocks_storage": blocks,
            "querier": {"store_gateway_addresses": f"{self.host}:9095"},
            "limits": self.options.get("limits", {}),
        }
        (self.folder / "cortex.yaml").write_text(yaml.safe_dump(config))

    def command(self):
        return [f"-config.file={self.folder}/cortex.yaml",
                "-target=distributor,ingester,store-gateway,querier"]

    @property
    def ready_url(self):
        return f"{self.url}/ready"

    def stored(self):
        headers = {"X-Scope-OrgID": self.tenant}
        try:
            answer = self.ask("/prometheus/api/v1/query", headers=headers, query=f"{METRIC}[1h]")
        except requests.HTTPError as error:
            raise AssertionError(f"Cortex: {error.response.text}") from error
        return counted(answer.json())
