"""Processors: memory_limiter, resource, attributes and queuebatch, over real sockets."""

import hashlib
import os
import random
import struct

import grpc
import pytest
import yaml
from google.rpc import error_details_pb2, status_pb2

from harness.collector import run_cli
from harness.configs import failover, pass_through
from harness.items import REQUESTS, SIGNALS, make_body, make_request, new_ids
from harness.load import HttpClient
from harness.wait import wait_until

ITEMS = {"traces": "spans", "metrics": "metric_points", "logs": "log_records"}
OVER = {"check_interval": "100ms", "limit_mib": 1}  # a process has more than that
UNDER = {"check_interval": "100ms", "limit_mib": 100000}


def with_processors(backend, processors, signals=SIGNALS, receiver=None):
    config = yaml.safe_load(pass_through(backend, signals, processors))
    config["processors"] = processors
    if receiver:
        config["receivers"] = {"otlp": {"protocols": receiver}}
    return yaml.safe_dump(config)


def attributes_of(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def blocks(signal, body):
    """(resource, items) of each resource of a request."""
    request = REQUESTS[signal].FromString(body)
    for block in getattr(request, {"traces": "resource_spans", "metrics": "resource_metrics",
                                   "logs": "resource_logs"}[signal]):
        items = []
        if signal == "traces":
            items = [span for scope in block.scope_spans for span in scope.spans]
        elif signal == "logs":
            items = [record for scope in block.scope_logs for record in scope.log_records]
        else:
            items = [point for scope in block.scope_metrics for metric in scope.metrics
                     for point in getattr(metric, metric.WhichOneof("data")).data_points]
        yield block.resource, items


@pytest.mark.smoke
def test_too_much_memory_is_a_refusal_that_clients_repeat(make_backend, make_collector,
                                                           client_of):
    backend = make_backend()
    collector = make_collector(with_processors(backend, {"memory_limiter": OVER}))
    collector.wait_for_log("Memory usage is above soft limit. Refusing data.")
    body, _ = make_body("logs", 4)
    code, details, trailers = client_of(collector).export("logs", body)
    assert code is grpc.StatusCode.UNAVAILABLE, details
    assert details == "data refused due to high memory usage"
    rich = status_pb2.Status.FromString(dict(trailers)["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in rich.details)
    assert retry.retry_delay.seconds == 3
    answer = HttpClient(collector.http).export("logs", body)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "3"
    assert not backend.received
    refused = "otelcol_processor_memory_limiter_refused_log_records"
    assert collector.metric(refused, processor="memory_limiter") == 8
    assert collector.metric("otelcol_receiver_refused_log_records") == 8
    labels = {"processor": "memory_limiter", "otel_signal": "logs"}
    assert collector.metric("otelcol_processor_incoming_items", **labels) == 8
    assert collector.metric("otelcol_processor_outgoing_items", **labels) == 0


def test_enough_memory_lets_everything_pass_and_a_reload_changes_the_limit(
        make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(with_processors(backend, {"memory_limiter": OVER}))
    client = client_of(collector)
    assert client.export("traces", make_body("traces")[0])[0] is grpc.StatusCode.UNAVAILABLE
    collector.configs[1].write_text(with_processors(backend, {"memory_limiter": UNDER}))
    collector.reload()
    collector.wait_for_log("reload complete")
    ids = [number for kind in SIGNALS for number in client.send(kind, 3)]
    backend.wait_for_ids(ids)
    for item in ITEMS.values():
        accepted = f"otelcol_processor_memory_limiter_accepted_{item}"
        assert collector.metric(accepted, processor="memory_limiter") == 3
    # One limiter for the three pipelines.
    assert collector.log.count("Memory limiter configured") == 2


def test_behind_a_journal_a_memory_limiter_never_refuses(make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = yaml.safe_load(failover(primary, secondary, signals=("traces",)))
    config["processors"] = {"memory_limiter": OVER}
    config["service"]["pipelines"]["traces/primary"]["processors"] = ["memory_limiter"]
    collector = make_collector(yaml.safe_dump(config))
    primary.wait_for_ids(client_of(collector).send("traces", 5))
    assert "memory_limiter in pipeline traces/primary is left out" in collector.log


@pytest.mark.parametrize("kind", SIGNALS)
def test_resource_and_attributes_change_what_they_are_told(kind, make_backend, make_collector,
                                                           client_of):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(with_processors(backend, {
        "resource": {"attributes": [
            {"key": "service.name", "action": "update", "value": "renamed"},
            {"key": "cluster", "action": "upsert", "value": "eu-1"}]},
        "attributes": {"actions": [
            {"key": "attribute.number.0", "action": "hash"},
            {"key": "answer", "action": "insert", "value": 42},
            {"pattern": r"number\.1$", "action": "delete"}]},
    }))
    ids = new_ids(6)
    sent = make_request(kind, ids)
    client_of(collector).export(kind, sent.SerializeToString())
    backend.wait_for_ids(ids)
    body = b"".join(request.body for request in backend.received if request.signal == kind)
    before = list(blocks(kind, sent.SerializeToString()))
    after = list(blocks(kind, body))
    assert [resource for resource, _ in after]
    items = 0
    for (_, old_items), (resource, new_items) in zip(before, after, strict=True):
        found = attributes_of(resource.attributes)
        assert found["service.name"] == "renamed" and found["cluster"] == "eu-1"
        for old, new in zip(old_items, new_items, strict=True):
            items += 1
            was, now = attributes_of(old.attributes), attributes_of(new.attributes)
            assert now["answer"] == 42
            if "attribute.number.0" in was:
                assert len(now["attribute.number.0"]) == 64
            assert not any(key.endswith("number.1") for key in now)
            # Nothing else has changed.
            del old.attributes[:], new.attributes[:]
            assert old == new
    assert items == 6
    for processor in ("resource", "attributes"):
        for direction in ("incoming", "outgoing"):
            assert collector.metric(f"otelcol_processor_{direction}_items", processor=processor,
                                    otel_signal=kind) == 6


def test_bytes_are_the_same_where_no_action_applies(make_backend, make_collector):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(with_processors(backend, {
        "attributes": {"include": {"match_type": "strict", "services": ["another"]},
                       "actions": [{"key": "x", "action": "insert", "value": 1}]},
    }, signals=("traces",)))
    body, ids = make_body("traces", 20)
    HttpClient(collector.http).export("traces", body, compress=True)
    backend.wait_for_ids(ids)
    assert backend.received[0].body == body


def test_from_context_takes_headers_of_the_request(make_backend, make_collector, client_of):
    backend = make_backend(keep_bodies=True)
    collector = make_collector(with_processors(
        backend,
        {"attributes": {"actions": [
            {"key": "tenant", "from_context": "metadata.X-Tenant", "action": "upsert"}]}},
        signals=("logs",), receiver={"grpc": {"include_metadata": True}}))
    body, ids = make_body("logs", 2)
    client_of(collector).export("logs", body, metadata=(("x-tenant", "blue"),))
    backend.wait_for_ids(ids)
    for _, items in blocks("logs", backend.received[0].body):
        assert [attributes_of(item.attributes)["tenant"] for item in items] == ["blue"] * 2


def test_a_level_of_a_failover_has_attributes_of_its_own(make_backend, make_collector, client_of):
    primary = make_backend("primary", keep_bodies=True)
    secondary = make_backend("secondary", keep_bodies=True)
    config = yaml.safe_load(failover(primary, secondary, signals=("traces",)))
    config["processors"] = {"resource": {"attributes": [
        {"key": "sent.to", "action": "upsert", "value": "secondary"}]}}
    config["service"]["pipelines"]["traces/secondary"]["processors"] = ["resource"]
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces", 2))
    primary.kill()
    secondary.wait_for_ids(client.send("traces", 2))
    marks = []
    for backend in (primary, secondary):
        for resource, _ in blocks("traces", backend.received[0].body):
            marks.append(attributes_of(resource.attributes).get("sent.to"))
    assert marks == [None, "secondary"]


@pytest.mark.parametrize("processor", [
    {"queuebatch/x": {"batch": {"flush_timeout": "1h", "min_size": 12}}},
    {"batch/x": {"timeout": "1h", "send_batch_size": 12}},
])
def test_journals_merge_what_they_send(processor, make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(with_processors(backend, processor, signals=("logs",)))
    client = client_of(collector)
    ids = [number for _ in range(6) for number in client.send("logs", 2)]
    backend.wait_for_ids(ids)
    assert len(backend.received) == 1
    labels = {"processor": next(iter(processor))}
    prefix = "otelcol_processor_batch"
    assert collector.metric(f"{prefix}_batch_size_trigger_send", **labels) == 1
    assert collector.metric(f"{prefix}_timeout_trigger_send", **labels) == 0
    assert collector.metric(f"{prefix}_batch_send_size_count", **labels) == 1
    assert collector.metric(f"{prefix}_batch_send_size_sum", **labels) == 12


def test_a_batch_timer_that_runs_out_is_counted(make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(with_processors(
        backend, {"batch": {"timeout": "200ms", "send_batch_size": 1000}}, signals=("traces",)))
    backend.wait_for_ids(client_of(collector).send("traces", 5))
    assert collector.metric("otelcol_processor_batch_timeout_trigger_send", processor="batch") == 1


@pytest.mark.parametrize("section, message", [
    ({"memory_limiter": {"limit_mib": 100}}, "'check_interval' must be greater than zero"),
    ({"resource": {}}, 'missing required field "attributes"'),
    ({"attributes": {"actions": [{"key": "a", "action": "no"}]}}, 'unsupported action "no"'),
    ({"attributes": {"actions": [{"key": "a", "action": "delete"}],
                     "include": {"match_type": "strict", "services": ["a"]}}},
     "services, span_names, and span_kinds are not valid for log records"),
])
def test_validate_finds_what_is_wrong_with_a_processor(section, message, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({
        "receivers": {"otlp": {"protocols": {"grpc": {}}}},
        "processors": section,
        "exporters": {"nop": {}},
        "service": {"pipelines": {"logs": {"receivers": ["otlp"], "processors": list(section),
                                           "exporters": ["nop"]}}},
    }))
    done = run_cli("validate", "--config", config)
    assert done.returncode == 1
    assert message in done.stderr + done.stdout


def test_the_components_are_listed():
    listed = run_cli("components").stdout
    for name in ("memory_limiter", "resource", "attributes", "queuebatch", "zpages", "pprof"):
        assert name in listed


@pytest.mark.heavy
def test_refusing_ends_when_the_queue_has_drained_and_nothing_is_lost(
        make_backend, make_collector, client_of):
    backend = make_backend()
    backend.kill()
    limiter = {"check_interval": "100ms", "limit_mib": 200, "spike_limit_mib": 40,
               "min_gc_interval_when_soft_limited": "500ms"}
    collector = make_collector(with_processors(backend, {"memory_limiter": limiter},
                                               signals=("logs",)))
    client = client_of(collector)
    acked, code = [], grpc.StatusCode.OK
    while code is grpc.StatusCode.OK:
        assert len(acked) < 600 * 10, "600 MB and no refusal"
        body, ids = make_body("logs", 10, 100_000)
        code, details, _ = client.export("logs", body)
        if code is grpc.StatusCode.OK:
            acked += ids
    assert code is grpc.StatusCode.UNAVAILABLE, details
    assert len(acked) > 500
    backend.start()
    backend.wait_for_ids(acked, timeout=60)
    wait_until(lambda: client.export("logs", make_body("logs")[0])[0] is grpc.StatusCode.OK, 20,
               "data is taken again")
    assert "Resuming normal operation." in collector.log


KEYS = ("a", "b", "c", "d", "e")
VALUES = ("text", "42", "-1.5", "", True, False, 0, 7, -(2**40), 0.25, 3.0)


def random_actions(rng):
    actions = []
    for _ in range(8):
        action = rng.choice(("insert", "update", "upsert", "delete", "hash", "convert"))
        made = {"action": action, "key": rng.choice(KEYS)}
        if action in ("insert", "update", "upsert"):
            if rng.random() < 0.5:
                made["value"] = rng.choice(VALUES)
            else:
                made["from_attribute"] = rng.choice(KEYS)
        elif action == "convert":
            made["converted_type"] = rng.choice(("int", "double", "string"))
        actions.append(made)
    return actions


def converted(value, kind):
    """What the Collector makes of a value; the value itself where it cannot be converted."""
    if kind == "string":
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)
    try:
        if kind == "int":
            return int(value)
        return float(value)
    except ValueError:
        return value


def hashed(value):
    if isinstance(value, bool):
        raw = b"\1" if value else b"\0"
    elif isinstance(value, int):
        raw = struct.pack("<q", value)
    elif isinstance(value, float):
        raw = struct.pack("<d", value)
    else:
        raw = value.encode()
    return hashlib.sha256(raw).hexdigest() if raw else ""


def model(actions, attributes):
    """The actions on a dict, as the Collector's documentation says."""
    for action in actions:
        key, verb = action["key"], action["action"]
        if verb == "delete":
            attributes.pop(key, None)
        elif verb == "hash" and key in attributes:
            attributes[key] = hashed(attributes[key])
        elif verb == "convert" and key in attributes:
            attributes[key] = converted(attributes[key], action["converted_type"])
        elif verb in ("insert", "update", "upsert"):
            source = attributes.get(action.get("from_attribute"), action.get("value"))
            there = key in attributes
            if source is not None and (verb == "upsert" or there == (verb == "update")):
                attributes[key] = source
    return attributes


def set_value(pair, value):
    kind = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
    setattr(pair.value, kind[type(value)], value)


def test_random_actions_do_what_a_model_says(make_backend, make_collector, client_of):
    seed = int(os.environ.get("GAPLESS_SEED", random.randrange(2**32)))
    print(f"GAPLESS_SEED={seed}")
    rng = random.Random(seed)
    actions = [random_actions(rng) for _ in range(6)]
    backend = make_backend(keep_bodies=True)
    collector = make_collector(with_processors(
        backend, {f"attributes/{index}": {"actions": some} for index, some in enumerate(actions)},
        signals=("logs",)))
    ids = new_ids(300)
    request = make_request("logs", ids)
    wanted = {}
    for record in request.resource_logs[0].scope_logs[0].log_records:
        del record.attributes[:]
        chosen = {key: rng.choice(VALUES) for key in rng.sample(KEYS, rng.randrange(len(KEYS)))}
        for key, value in chosen.items():
            set_value(record.attributes.add(key=key), value)
        for some in actions:
            chosen = model(some, chosen)
        wanted[record.span_id] = {key: (type(value), value) for key, value in chosen.items()}
    client_of(collector).export("logs", request.SerializeToString())
    backend.wait_for_ids(ids)
    for _, items in blocks("logs", backend.received[0].body):
        for item in items:
            found = attributes_of(item.attributes)
            assert {key: (type(value), value)
                    for key, value in found.items()} == wanted.pop(item.span_id)
    assert not wanted
