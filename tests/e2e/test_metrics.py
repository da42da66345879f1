"""The collector's own metrics: upstream's names, and a ledger that adds up."""

import re

import pytest
import requests
import yaml

from harness.collector import ROOT
from harness.configs import failover, pass_through
from harness.items import REQUESTS, make_body
from harness.load import HttpClient
from harness.loopback import loopback_address
from harness.oracle import conserved
from harness.wait import wait_until

ITEMS = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}


def test_items_are_counted_under_upstreams_names(make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend))
    client, http = client_of(collector), HttpClient(collector.http)
    for signal in ITEMS:
        backend.wait_for_ids(client.send(signal, 7) + http.send(signal, 5))
    for signal, name in ITEMS.items():
        wait_until(lambda name=name: collector.metric(
            f"otelcol_exporter_sent_{name}", exporter="otlp/only") == 12, 5, f"sent {signal}")
        accepted = f"otelcol_receiver_accepted_{name}"
        assert collector.metric(accepted, receiver="otlp", transport="grpc") == 7
        assert collector.metric(accepted, receiver="otlp", transport="http") == 5
        assert collector.metric(f"otelcol_receiver_refused_{name}") == 0
    conserved(collector)


def test_the_exposition_is_prometheus_text(make_backend, make_collector):
    collector = make_collector(pass_through(make_backend()))
    answer = requests.get(f"http://{collector.host}:8888/metrics", timeout=5)
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    typed = set()
    for line in answer.text.splitlines():
        if line.startswith("# TYPE "):
            typed.add(line.split()[2])
        elif line and not line.startswith("#"):
            name = line.split("{")[0].split()[0]
            stem = name.removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
            assert name in typed or stem in typed, f"{name} has no TYPE"
    assert "otelcol_process_uptime" in typed and "target_info" in typed


def test_the_process_shows_uptime_cpu_and_memory(make_backend, make_collector):
    collector = make_collector(pass_through(make_backend()))
    assert collector.metric("otelcol_process_memory_rss") > 1 << 20
    wait_until(lambda: collector.metric("otelcol_process_uptime") > 0, 5, "uptime")
    assert collector.metric("otelcol_process_cpu_seconds") >= 0


def test_the_queue_shows_its_size_and_capacity(make_backend, make_collector, client_of):
    backend = make_backend()
    backend.kill()
    collector = make_collector(pass_through(
        backend, sending_queue={"queue_size": 77}, signals=("traces",)))
    client = client_of(collector)
    for _ in range(9):
        client.send("traces")
    labels = {"exporter": "otlp/only", "data_type": "traces"}
    wait_until(lambda: collector.metric("otelcol_exporter_queue_capacity", **labels) == 77, 5,
               "the capacity")
    wait_until(lambda: collector.metric("otelcol_exporter_queue_size", **labels) == 9, 5,
               "a queue of nine")


def test_refused_items_are_counted(make_backend, make_collector, client_of):
    backend = make_backend()
    backend.behave("INVALID_ARGUMENT")
    off = {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}
    collector = make_collector(pass_through(backend, **off))
    client_of(collector).export("logs", make_body("logs", 4)[0])
    assert collector.metric("otelcol_receiver_refused_log_records", transport="grpc") == 4
    assert collector.metric("otelcol_receiver_accepted_log_records") == 0
    assert collector.metric("otelcol_exporter_send_failed_log_records", exporter="otlp/only") == 4


def test_failover_shows_which_level_is_active(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",)))
    labels = {"connector": "failover/traces", "signal": "traces"}
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces"))
    active = "otelcol_connector_failover_active_level"
    wait_until(lambda: (active, frozenset(labels.items())) in collector.metrics(), 5, "the metric")
    assert collector.metric(active, **labels) == 0
    primary.kill()
    secondary.wait_for_ids(client.send("traces"))
    wait_until(lambda: collector.metric(active, **labels) == 1, 5, "level 1")
    switches = "otelcol_connector_failover_switches"
    assert collector.metric(switches, to="otlp/secondary", **labels) == 1
    primary.start()
    wait_until(lambda: collector.metric(active, **labels) == 0, 10, "level 0 again")
    assert collector.metric(switches, to="otlp/primary", **labels) == 1
    conserved(collector)


@pytest.mark.parametrize("protocol", ("grpc", "http/protobuf"))
def test_own_metrics_are_pushed_as_otlp(make_backend, make_collector, protocol):
    kind = protocol.split("/")[0]
    sink = make_backend("metrics", protocol=kind, keep_bodies=True)
    otlp = {"protocol": protocol, "endpoint": f"http://{sink.endpoint}", "compression": "gzip"}
    telemetry = {"resource": {"service.name": "mine", "service.version": None, "zone": "a"},
                 "metrics": {"readers": [{"periodic": {"interval": 200,
                                                       "exporter": {"otlp": otlp}}}]}}
    collector = make_collector(pass_through(make_backend(), signals=("traces",)), yaml.safe_dump(
        {"service": {"telemetry": telemetry}}))
    wait_until(lambda: len(sink.received) >= 2, 10, "two pushes")
    first, second = (REQUESTS["metrics"].FromString(request.body).resource_metrics[0]
                     for request in sink.received[:2])
    attributes = {pair.key: pair.value.string_value for pair in first.resource.attributes}
    assert attributes.pop("service.instance.id")
    assert attributes == {"service.name": "mine", "zone": "a"}

    def metrics(pushed):
        return {metric.name: metric for metric in pushed.scope_metrics[0].metrics}

    uptime = [metrics(pushed)["otelcol_process_uptime"].sum for pushed in (first, second)]
    assert uptime[0].is_monotonic and uptime[0].aggregation_temporality == 2
    assert uptime[1].data_points[0].as_double > uptime[0].data_points[0].as_double
    assert metrics(first)["otelcol_process_memory_rss"].gauge.data_points[0].as_double > 1 << 20
    pushes = len(sink.received)
    assert collector.stop() == 0
    wait_until(lambda: len(sink.received) > pushes, 5, "the last push at the end")


def test_resource_attributes_become_labels_where_that_is_asked_for(make_backend, make_collector):
    host = loopback_address()
    reader = {"without_type_suffix": False, "without_units": False, "host": host, "port": 8888,
              "with_resource_constant_labels": {"included": ["zone", "service.*"],
                                                "excluded": ["service.instance.id"]}}
    telemetry = {"resource": {"attributes": [{"name": "zone", "value": "a"}]},
                 "metrics": {"readers": [{"pull": {"exporter": {"prometheus": reader}}}]}}
    collector = make_collector(pass_through(make_backend(), signals=("traces",)), yaml.safe_dump(
        {"service": {"telemetry": telemetry}}), host=host)
    line = next(line for line in collector.metrics_text().splitlines()
                if line.startswith("otelcol_process_uptime_seconds_total{"))
    labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
    assert labels == {"zone": "a", "service_name": "gapless", "service_version": "0.1.0"}


EVERYTHING = """
processors:
  memory_limiter: {{check_interval: 1s, limit_mib: 4000}}
  batch: {{send_batch_size: 10, timeout: 100ms, metadata_keys: [tenant]}}
exporters:
  otlp/primary: {{endpoint: "{primary}", tls: {{insecure: true}}}}
  otlp/secondary: {{endpoint: "{secondary}", tls: {{insecure: true}}}}
  otlp/picky:
    {{endpoint: "{picky}", tls: {{insecure: true}}, sending_queue: {{storage: file_storage}}}}
  otlp/absent:
    {{endpoint: "127.0.0.1:1", tls: {{insecure: true}}, sending_queue: {{queue_size: 1}}}}
connectors:
  failover:
    priority_levels: [[otlp/primary], [otlp/secondary]]
    retry_interval: 1s
    hold: 1s
    backfill: {{max_size: 16KiB}}
    retain: {{time: 30s, max_size: 1MiB}}
extensions:
  file_storage: {{directory: "{state}"}}
service:
  extensions: [file_storage]
  telemetry: {{metrics: {{level: detailed}}}}
  pipelines:
"""
PIPELINES = """
    {signal}/in: {{receivers: [otlp], processors: [memory_limiter, batch], exporters: [failover]}}
    {signal}/primary: {{receivers: [failover], exporters: [otlp/primary]}}
    {signal}/secondary: {{receivers: [failover], exporters: [otlp/secondary]}}
    {signal}/lost: {{receivers: [otlp], exporters: [otlp/picky, otlp/absent]}}
"""


def test_every_metric_of_the_inventory_appears(make_backend, make_collector, client_of, tmp_path):
    """Each row of docs/metrics.md has a user: a config with everything, and an eventful life."""
    rows = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/metrics.md").read_text(), re.M))
    assert len(rows) > 50
    primary, secondary, picky = (make_backend(name) for name in ("primary", "secondary", "picky"))
    text = EVERYTHING.format(primary=primary.endpoint, secondary=secondary.endpoint,
                             picky=picky.endpoint, state=tmp_path)
    collector = make_collector(text + "".join(PIPELINES.format(signal=signal) for signal in ITEMS))
    client = client_of(collector)
    # Only a backend that takes data is believed when it calls some invalid.
    for signal in ITEMS:
        picky.wait_for_ids(client.send(signal))
    picky.behave("INVALID_ARGUMENT")
    for signal in ITEMS:
        # Enough to fill the queue of the absent one, and both triggers of the batch.
        primary.wait_for_ids([n for count in (20, 1, 1, 1) for n in client.send(signal, count)])
    # Items that every level refuses; then attempts whose outcome stays unknown.
    for backend in (primary, secondary):
        backend.behave("INVALID_ARGUMENT")
    client.send("traces", 3)
    wait_until(lambda: collector.metric("otelcol_connector_failover_dropped_items") == 3, 10,
               "the drop")
    secondary.behave("OK")
    primary.behave(delay=30)
    held = client.send("traces", 30)
    wait_until(lambda: collector.metric("otelcol_exporter_in_flight_requests",
                                        exporter="otlp/primary") > 0, 10, "an attempt in flight")
    primary.kill()
    secondary.wait_for_ids(held)
    for _ in range(5):
        secondary.wait_for_ids(client.send("traces", 30))
    primary.start()

    def missing():
        seen = {name for name, _ in collector.metrics()}
        return {row for row in rows if row not in seen and row + "_count" not in seen}

    wait_until(lambda: not missing(), 20, lambda: f"rows that never appear: {sorted(missing())}")
    sent = "otelcol_exporter_sent_spans"
    host, port = primary.endpoint.rsplit(":", 1)
    assert collector.metric(sent, exporter="otlp/primary", server_address=host,
                            server_port=port) > 0
