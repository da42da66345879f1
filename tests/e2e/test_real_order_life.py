"""Metrics stay in order through reloads and restarts, and what the order must not cost."""

import signal
from dataclasses import replace

import pytest

from harness.configs import durable
from harness.items import make_request, new_ids
from harness.load import GrpcClient
from harness.oracle import conserved, judge, nothing_lost
from harness.ordered import DELAYS, in_order, levels, load_of, nothing_dropped, only, settled
from harness.real_answers import JAEGER, PROMETHEUS, VICTORIA_LOGS
from harness.scripted_store import checksum
from harness.wait import stays, wait_until


# Reload, restart.

def test_metrics_stay_in_order_through_reloads_of_the_exporter(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(only(backend, False))
    with load_of(collector, rate=40) as load:
        settled(backend)
        for timeout in ("21s", "22s", "23s"):
            collector.write_config("config0", only(backend, False, timeout=timeout))
            collector.reload()
            settled(backend, 20)
    in_order(load, backend)
    assert load.refused == []
    nothing_dropped(collector)


def test_metrics_stay_in_order_when_the_exporter_is_moved_while_there_is_a_backlog(
        make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(only(backend, True))
    with load_of(collector, rate=40) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        collector.write_config("config0", only(backend, True, timeout="21s"))
        collector.reload()
        backend.open()
        settled(backend)
    in_order(load, backend)
    nothing_dropped(collector)


@pytest.mark.parametrize("end", ("SIGTERM", "SIGKILL"))
def test_metrics_stay_in_order_over_a_restart_with_a_durable_queue(
        make_scripted, make_collector, tmp_path, end):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(durable(only(backend, False), tmp_path / "journals"),
                               args=("--shutdown-timeout", "1s"))
    with load_of(collector) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 500, 15, "load while it is away")
        collector.signal(signal.Signals[end])
        collector.wait_for_exit()
        collector.start()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 500, 15, "load after the restart")
        backend.open()
        settled(backend)
    in_order(load, backend)
    nothing_dropped(collector)


# What the order must not cost.

def test_a_slow_answer_for_one_resource_delays_no_other(make_scripted, make_collector):
    slow = checksum(make_request("metrics", [1], instance="client-0").resource_metrics[0].resource)
    backend = make_scripted("prometheus", slow=((slow, 1.5),))
    collector = make_collector(only(backend, False))
    with load_of(collector, connections=8, rate=40) as load:
        stays(lambda: collector.running, 4, "it died")
        quick = [answer for answer in backend.answers
                 if answer.ids and slow not in answer.resources]
        late = [answer for answer in quick if load.tallies["metrics"].acked.get(
            answer.ids[0], answer.begun) < answer.begun - 0.5]
        assert len(quick) > 100, f"only {len(quick)} requests of seven quick resources in 4 s"
        assert not late, f"{len(late)} requests of other resources waited, {late[0]}"
    backend.behave()
    in_order(load, backend)
    assert collector.stop() == 0


def test_many_resources_share_all_consumers(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=(0.1,))
    collector = make_collector(only(backend, False))
    with load_of(collector, connections=20, rate=0, items=5) as load:
        settled(backend, 200)
    in_order(load, backend)
    spans = sorted((answer.begun, answer.at) for answer in backend.answers)
    together = max(sum(begin <= begun < end for begin, end in spans) for begun, _ in spans)
    assert together >= 8, f"at most {together} requests in flight with num_consumers 10"


def test_requests_that_share_resources_in_a_chain_stay_in_order(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(only(backend, False))
    names, acked = "abcd", set()
    with GrpcClient(collector.grpc) as client:
        for turn in range(60):
            request, ids = None, []
            for name in (names[turn % 4], names[(turn + 1) % 4]):
                part = new_ids(5)
                ids += part
                more = make_request("metrics", part, instance=name)
                request = request or type(more)()
                request.MergeFrom(more)
            code, details, _ = client.export("metrics", request.SerializeToString())
            assert code.name == "OK", details
            acked.update(ids)
    nothing_lost(acked, backend)
    assert not backend.refused(), backend.story()
    assert not backend.overlaps() and not backend.unstored()
    conserved(collector)


@pytest.mark.parametrize("profile, protocol", ((JAEGER, "http"), (VICTORIA_LOGS, "http"),
                                               (JAEGER, "grpc")), ids=("traces", "logs", "grpc"))
def test_fifo_keeps_the_order_of_logs_and_traces_too(
        make_scripted, make_collector, profile, protocol):
    signals = profile.signals
    strict = replace(profile, ordered=True, bad_sample=PROMETHEUS.bad_sample)
    primary, secondary = (make_scripted(strict, protocol=protocol, delays=DELAYS)
                          for _ in range(2))
    collector = make_collector(levels(primary, secondary, signals=signals, order="fifo"))
    with load_of(collector, signals) as load:
        settled(primary)
        primary.close()
        settled(secondary, 20)
        secondary.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while both are away")
        secondary.open()
        primary.open()
        settled(primary, 20)
    in_order(load, primary, secondary)
    nothing_dropped(collector)


def test_live_first_still_sends_new_logs_before_the_backlog(make_scripted, make_collector):
    backend = make_scripted("victoria_logs", rate=400.0, burst=100.0, waits=True)
    collector = make_collector(only(backend, False, ("logs",)))
    with load_of(collector, ("logs",)) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        moment = backend.open()
        wait_until(lambda: load.acked_after(moment, backend.ids()), 10, "new data")
        assert judge(load.acked, backend).lost, "the backlog was gone: this test proves nothing"
    nothing_lost(load.acked, backend, timeout=30)
