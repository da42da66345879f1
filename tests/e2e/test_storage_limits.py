"""Durable queues at their limits: on_full, and a fan-out with a journal per exporter."""

import signal
import threading

import grpc
import pytest
import yaml

from harness.collector import SLOWNESS
from harness.configs import durable, exporter, failover
from harness.items import make_body
from harness.oracle import conserved
from harness.wait import stays, wait_until


def both_down(make_backend, make_collector, tmp_path, **queue):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.kill()
    secondary.kill()
    config = failover(primary, secondary, signals=("traces",),
                      connector={"sending_queue": queue})
    return secondary, make_collector(durable(config, tmp_path))


def restart(collector):
    """kill -9 and a new start."""
    collector.signal(signal.SIGKILL)
    collector.wait_for_exit()
    collector.start()


def test_reject_refuses_what_does_not_fit_also_after_a_restart(
        make_backend, make_collector, client_of, tmp_path):
    secondary, collector = both_down(make_backend, make_collector, tmp_path, queue_size=4,
                                     on_full="reject")
    client = client_of(collector)
    ids = [number for _ in range(4) for number in client.send("traces", 3)]
    for _ in range(2):
        body, _ = make_body("traces", 3)
        wait_until(lambda: client.export("traces", b"")[0] is grpc.StatusCode.OK, 10, "it")
        code, details, _ = client.export("traces", body)
        assert code is grpc.StatusCode.UNAVAILABLE and "sending queue is full" in details
        restart(collector)
    secondary.start()
    secondary.wait_for_ids(ids)
    assert secondary.ids().keys() == set(ids)
    conserved(collector)


def test_block_lets_the_client_wait_for_room_and_loses_nothing(
        make_backend, make_collector, client_of, tmp_path):
    secondary, collector = both_down(make_backend, make_collector, tmp_path, queue_size=4,
                                     on_full="block")
    client = client_of(collector)
    ids = [number for _ in range(4) for number in client.send("traces", 3)]
    late = []
    sender = threading.Thread(
        target=lambda: late.extend(client.send("traces", 3, timeout=30)), daemon=True)
    sender.start()
    stays(sender.is_alive, 0.5, "a full queue must not answer yet")
    assert late == []
    # A client that waits no longer is told so, and its data is not kept.
    body, gone = make_body("traces", 3)
    assert client.export("traces", body, timeout=0.3)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    secondary.start()
    sender.join(20)
    assert len(late) == 3
    secondary.wait_for_ids(ids + late)
    assert not set(gone) & secondary.ids().keys()
    conserved(collector)
    assert collector.stop() == 0


def test_drop_oldest_keeps_the_newest_and_counts_the_rest(
        make_backend, make_collector, client_of, tmp_path):
    secondary, collector = both_down(make_backend, make_collector, tmp_path, queue_size=30,
                                     on_full="drop_oldest")
    client = client_of(collector)
    ids = [client.send("traces", 3) for _ in range(60)]
    restart(collector)
    wait_until(lambda: client.export("traces", b"")[0] is grpc.StatusCode.OK, 10, "it")
    ids += [client.send("traces", 3) for _ in range(10)]
    secondary.start()
    newest = [number for batch in ids[-10:] for number in batch]
    secondary.wait_for_ids(newest)
    wait_until(lambda: collector.metric("gapless_journal_pending_items") == 0, 10,
               "an empty journal")
    delivered = len(secondary.ids().keys() & {number for batch in ids for number in batch})
    # What was on its way when the queue was full could not be dropped any more.
    assert 30 * 3 <= delivered <= 50 * 3
    dropped = collector.metric("gapless_journal_dropped_items", reason="overflow")
    repeated = sum(count - 1 for count in secondary.ids().values())
    assert dropped >= len(ids) * 3 - delivered - repeated
    conserved(collector)
    assert collector.stop() == 0


RETRY = {"initial_interval": "100ms", "max_interval": "300ms"}


@pytest.fixture
def fan_out(make_backend, make_collector, tmp_path):
    """(backends a and b, the collector that copies to both)."""

    def make(a_storage=None, **a_settings):
        a, b = make_backend("a"), make_backend("b")
        names = ["otlp/a", "otlp/b"]
        config = {
            "exporters": {"otlp/a": exporter(a, retry_on_failure=RETRY, **a_settings),
                          "otlp/b": exporter(b, retry_on_failure=RETRY)},
            "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": names}}},
        }
        text = durable(yaml.safe_dump(config), tmp_path)
        if a_storage:
            changed = yaml.safe_load(text)
            changed["extensions"]["file_storage/a"] = {"directory": str(tmp_path), **a_storage}
            changed["service"]["extensions"].append("file_storage/a")
            changed["exporters"]["otlp/a"]["sending_queue"]["storage"] = "file_storage/a"
            text = yaml.safe_dump(changed)
        return a, b, make_collector(text)

    return make


def test_a_dead_member_catches_up_after_a_kill_and_delays_no_other(fan_out, client_of):
    a, b, collector = fan_out()
    client = client_of(collector)
    a.kill()
    ids = []
    for _ in range(20):
        ids += client.send("traces", 5)
        b.wait_for_ids(ids[-5:], timeout=1.0 * SLOWNESS)
    restart(collector)
    a.start()
    a.wait_for_ids(ids)
    conserved(collector)
    assert collector.stop() == 0


def test_a_full_member_misses_data_alone(fan_out, client_of, tmp_path):
    a, b, collector = fan_out(a_storage={"max_size": "1MiB"})
    client = client_of(collector)
    a.kill()
    ids = []
    for _ in range(40):
        ids += client.send("traces", 300)
    b.wait_for_ids(ids, timeout=20)
    wait_until(lambda: collector.metric("otelcol_exporter_enqueue_failed_spans",
                                        exporter="otlp/a") > 0, 5, "the misses to be counted")
    assert collector.metric("otelcol_exporter_enqueue_failed_spans", exporter="otlp/b") == 0
    size = sum(path.stat().st_size
               for path in (tmp_path / "exporter_otlp_a_traces.journal").glob("*.seg"))
    assert size <= 1 << 20, f"{size} bytes on disk with max_size 1MiB"
    conserved(collector)
    assert collector.stop() == 0


def test_a_damaged_member_loses_what_is_damaged_alone(fan_out, client_of, tmp_path):
    a, b, collector = fan_out()
    client = client_of(collector)
    a.kill()
    ids = [client.send("traces", 4) for _ in range(10)]
    b.wait_for_ids([number for batch in ids for number in batch])
    assert collector.stop() == 0
    segment = tmp_path / "exporter_otlp_a_traces.journal" / "00000001.seg"
    content = bytearray(segment.read_bytes())
    at = -1
    for _ in range(4):
        at = content.index(b"service.name", at + 1)
    content[at] ^= 0x20
    segment.write_bytes(content)
    collector.start(timeout=10)
    a.start()
    a.wait_for_ids([number for batch in ids[:3] + ids[4:] for number in batch])
    assert not a.ids().keys() & set(ids[3])
    assert collector.lines_with("a record of the journal is damaged", str(segment))
    wait_until(lambda: collector.metric("gapless_journal_dropped_items", reason="damaged") == 4,
               5, "the loss to be counted")
    wait_until(lambda: client.export("traces", b"")[0] is grpc.StatusCode.OK, 10, "it")
    more = client.send("traces", 4)
    for backend in (a, b):
        backend.wait_for_ids(more)
    conserved(collector)
    assert collector.stop() == 0
