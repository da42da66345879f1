"""Several exporters in one pipeline: each has its own journal, and none waits for another."""

import grpc
import pytest
import yaml

from harness.collector import SLOWNESS
from harness.configs import exporter
from harness.items import make_body
from harness.oracle import conserved
from harness.wait import wait_until

RETRY = {"initial_interval": "200ms", "max_interval": "500ms", "max_elapsed_time": "300s"}


def fan_out(*backends, settings=None):
    names = [f"otlp/{backend.name}" for backend in backends]
    sections = {name: exporter(backend, retry_on_failure=RETRY, **(settings or {}).get(name, {}))
                for name, backend in zip(names, backends)}
    return yaml.safe_dump({
        "exporters": sections,
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": names}}},
    })


def test_both_destinations_get_everything(make_backend, make_collector, client_of):
    a, b = make_backend("a", keep_bodies=True), make_backend("b", keep_bodies=True)
    collector = make_collector(fan_out(a, b))
    body, ids = make_body("traces", 12)
    assert client_of(collector).export("traces", body)[0] is grpc.StatusCode.OK
    for backend in (a, b):
        backend.wait_for_ids(ids)
        assert [request.body for request in backend.received] == [body]


@pytest.mark.parametrize("gone", ("kill", "blackhole"))
def test_a_dead_destination_delays_no_other_and_catches_up_alone(
        make_backend, make_collector, client_of, gone):
    a, b = make_backend("a"), make_backend("b")
    collector = make_collector(fan_out(a, b))
    client = client_of(collector)
    before = client.send("traces", 5)
    a.wait_for_ids(before)
    b.wait_for_ids(before)
    getattr(a, gone)()
    during = []
    for _ in range(20):
        ids = client.send("traces", 5)
        b.wait_for_ids(ids, timeout=1.0 * SLOWNESS)
        during += ids
    (a.start if gone == "kill" else a.unblackhole)()
    a.wait_for_ids(during, timeout=15)
    # The retry went only to the one that had failed.
    assert max(b.ids().values()) == 1
    conserved(collector)
    assert collector.stop() == 0


def test_a_full_destination_misses_data_alone_and_it_is_counted(
        make_backend, make_collector, client_of):
    a, b = make_backend("a"), make_backend("b")
    small = {"otlp/a": {"sending_queue": {"queue_size": 5}}}
    collector = make_collector(fan_out(a, b, settings=small))
    client = client_of(collector)
    a.kill()
    ids = [number for _ in range(30) for number in client.send("traces", 2)]
    b.wait_for_ids(ids)
    wait_until(lambda: collector.metric("otelcol_exporter_enqueue_failed_spans",
                                        exporter="otlp/a") > 0, 5, "the misses to be counted")
    assert collector.metric("otelcol_exporter_enqueue_failed_spans", exporter="otlp/b") == 0
    assert collector.lines_with("sending queue is full")


def test_a_member_without_a_queue_decides_the_answer(make_backend, make_collector, client_of):
    a, b = make_backend("a"), make_backend("b")
    off = {"otlp/a": {"sending_queue": {"enabled": False}, "retry_on_failure": {"enabled": False}}}
    text = yaml.safe_load(fan_out(a, b))
    text["exporters"]["otlp/a"].update(off["otlp/a"])
    collector = make_collector(yaml.safe_dump(text))
    client = client_of(collector)
    ids = client.send("traces", 3)
    # OK came from a itself: the data is there already.
    assert set(ids) <= a.ids().keys()
    a.behave("INTERNAL")
    body, refused = make_body("traces", 3)
    assert client.export("traces", body)[0] is grpc.StatusCode.INTERNAL
    b.wait_for_ids(ids + refused)
