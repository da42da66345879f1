"""Backends that keep an order per series, as Prometheus and Cortex do, refuse what comes second:
data of one resource must never overtake itself, whatever happens to the backend or to us."""

import signal
from dataclasses import replace

import pytest
import yaml

from harness.collector import SLOWNESS
from harness.configs import durable, failover, pass_through
from harness.items import make_request, new_ids
from harness.load import GrpcClient, Load
from harness.oracle import conserved, judge, nothing_lost
from harness.real_answers import JAEGER, PROMETHEUS, VICTORIA_LOGS, text
from harness.scripted_store import checksum
from harness.wait import stays, wait_until

METRICS = ("metrics",)
# Requests that are there together pass each other.
DELAYS = (0.06, 0.005, 0.04, 0.002, 0.02)
RETRY = {"retry_on_failure": {"initial_interval": "300ms", "max_interval": "1s"}}
BATCH = {"batch": {"timeout": "200ms"}}
BUSY = text(503, "Service Unavailable")


def only(backend, batch, signals=METRICS, **settings):
    """receiver -> [batch] -> exporter."""
    config = yaml.safe_load(pass_through(backend, signals, ("batch",) if batch else (),
                                         **{**RETRY, **settings}))
    if batch:
        config["processors"] = BATCH
    return yaml.safe_dump(config)


def levels(*backends, batch=False, signals=METRICS, **connector):
    return failover(*backends, signals=signals, processors=BATCH if batch else None,
                    connector=connector, exporters=RETRY)


def load_of(collector, signals=METRICS, connections=4, rate=20, items=20):
    """As a few applications send: each a resource, each item a series of its own."""
    return Load(collector.grpc, signals, connections=connections, rate=rate, items=items,
                instances=True)


def settled(backend, count=8):
    begin = len(backend.answers)
    wait_until(lambda: len(backend.answers) >= begin + count, 15 * SLOWNESS,
               f"{count} answers of {backend.name}")


def in_order(load, *backends, refused=0):
    """Everything acknowledged is stored somewhere, and no backend saw anything out of order."""
    verdict = nothing_lost(load.acked, *backends, timeout=20 * SLOWNESS)
    for backend in backends:
        kept = [answer for answer in backend.answers if answer.status == 400]
        assert len(kept) <= refused, f"{backend.name} refused {len(kept)} requests:\n" + "\n".join(
            map(str, kept[:20]))
        assert not backend.unstored(), "acknowledged by the backend, and not stored: a race"
        pairs = backend.overlaps()
        assert not pairs, f"{len(pairs)} times one resource in flight twice, first {pairs[0]}"
    return verdict


def nothing_dropped(collector):
    conserved(collector)
    assert collector.metric("gapless_journal_dropped_items") == 0


# Away, with one exporter.

def refused(backend):
    return backend.close, backend.open


def frozen(backend):
    return backend.freeze, backend.thaw


def unavailable(backend):
    return (lambda: backend.behave(delays=DELAYS, refuse_data=BUSY),
            lambda: backend.behave(delays=DELAYS))


WAYS = {"refused": refused, "frozen": frozen, "answering 503": unavailable}


@pytest.mark.parametrize("batch, protocol", ((False, "http"), (True, "http"), (False, "grpc")),
                         ids=("plain", "batch", "grpc"))
@pytest.mark.parametrize("way", WAYS)
def test_metrics_reach_prometheus_in_order_after_it_was_away(
        make_scripted, make_collector, way, batch, protocol):
    backend = make_scripted("prometheus", protocol=protocol, delays=DELAYS)
    collector = make_collector(only(backend, batch))
    gone, back = WAYS[way](backend)
    with load_of(collector) as load:
        settled(backend)
        gone()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        back()
        settled(backend)
    in_order(load, backend)
    assert load.refused == []
    nothing_dropped(collector)
    assert collector.stop() == 0


@pytest.mark.long
@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_metrics_reach_prometheus_in_order_after_twenty_seconds_with_default_settings(
        make_scripted, make_collector, batch):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(pass_through(backend, METRICS, ("batch",) if batch else ()))
    with load_of(collector, rate=60) as load:
        settled(backend)
        backend.close()
        stays(lambda: collector.running, 20, "it died")
        backend.open()
        settled(backend)
    nothing_lost(load.acked, backend, timeout=60)
    in_order(load, backend)
    nothing_dropped(collector)


def test_metrics_survive_a_prometheus_that_is_killed_and_replays_its_log(
        make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    collector = make_collector(only(backend, batch=False))
    with load_of(collector) as load:
        settled(backend)
        backend.kill()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 400, 15, "load while it is away")
        backend.start()
        backend.behave(delays=DELAYS, starting=True)
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 400, 15, "load while it replays")
        backend.behave(delays=DELAYS)
        settled(backend)
    # What it had stored without an answer comes again: the same samples, which it takes.
    in_order(load, backend)
    nothing_dropped(collector)


def test_cortex_gets_metrics_in_order_after_it_was_away(make_scripted, make_collector):
    backend = make_scripted("cortex", delays=DELAYS)
    collector = make_collector(only(backend, True, headers={"X-Scope-OrgID": "tests"}))
    with load_of(collector) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        backend.open()
        settled(backend)
    in_order(load, backend)
    nothing_dropped(collector)


# Tried again, cut, throttled.

@pytest.mark.parametrize("batch", (False, True), ids=("plain", "batch"))
def test_what_is_tried_again_goes_before_what_is_younger(make_scripted, make_collector, batch):
    backend = make_scripted("prometheus", delays=DELAYS, refuse_data=BUSY, every=3)
    collector = make_collector(only(backend, batch, retry_on_failure={
        "initial_interval": "300ms", "max_interval": "500ms"}))
    with load_of(collector, rate=40) as load:
        wait_until(lambda: len(backend.refused(503)) > 10, 20, "ten refusals")
    backend.behave(delays=DELAYS)
    in_order(load, backend)
    nothing_dropped(collector)


def test_the_pieces_of_a_request_that_was_too_large_stay_in_order(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS, items_max=100)
    collector = make_collector(only(backend, True))
    with load_of(collector, rate=40) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        backend.open()
        settled(backend)
    in_order(load, backend)
    assert backend.refused(413), "nothing was too large, so this test proves nothing"
    nothing_dropped(collector)


def test_the_pieces_of_one_large_request_stay_in_order(make_scripted, make_collector, client_of):
    backend = make_scripted("prometheus", delays=DELAYS, items_max=30)
    collector = make_collector(only(backend, False))
    client = client_of(collector)
    # All points of one series: each piece is older than the next.
    ids = [number for _ in range(5) for number in client.send("metrics", 200)]
    backend.wait_for_ids(ids, timeout=20)
    assert not backend.refused(400) and not backend.overlaps(), backend.story()
    nothing_dropped(collector)


def test_batches_that_the_queue_cuts_to_size_stay_in_order(make_scripted, make_collector):
    backend = make_scripted("prometheus", delays=DELAYS)
    batch = {"flush_timeout": "100ms", "min_size": 50, "max_size": 50}
    collector = make_collector(only(backend, False, sending_queue={"batch": batch}))
    with load_of(collector, rate=40) as load:
        settled(backend)
        backend.close()
        before = len(load.acked)
        wait_until(lambda: len(load.acked) > before + 1000, 15, "load while it is away")
        backend.open()
        settled(backend)
    in_order(load, backend)
    assert max(len(answer.ids) for answer in backend.answers) <= 50
    nothing_dropped(collector)


def test_requests_of_one_resource_with_different_metadata_stay_in_order(
        make_scripted, make_collector, client_of):
    backend = make_scripted("prometheus", delays=DELAYS)
    batch = {"flush_timeout": "100ms", "min_size": 100,
             "partition": {"metadata_keys": ["x-part"]}}
    config = yaml.safe_load(only(backend, False, sending_queue={"batch": batch}))
    config["receivers"] = {"otlp": {"protocols": {"grpc": {"include_metadata": True}}}}
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    ids = []
    for turn in range(60):
        ids += client.send("metrics", 3, metadata=(("x-part", f"part-{turn % 3}"),))
    backend.wait_for_ids(ids, timeout=20)
    assert not backend.refused(400), backend.story()
    assert not backend.overlaps() and not backend.unstored()
    nothing_dropped(collector)


def test_metrics_stay_in_order_under_a_rate_limit(make_scripted, make_collector):
    backend = make_scripted("cortex", delays=DELAYS, rate=400.0, burst=400.0)
    collector = make_collector(only(backend, True, headers={"X-Scope-OrgID": "tests"}))
    with load_of(collector, rate=40) as load:
        wait_until(lambda: len(load.acked) > 2000, 20, "2000 points")
    in_order(load, backend)
    assert backend.refused(429), "nothing was throttled, so this test proves nothing"
    nothing_dropped(collector)


# Handed over, and back.

@pytest.mark.parametrize("way", WAYS)
def test_metrics_stay_in_order_on_both_levels_through_a_switch_and_back(
        make_scripted, make_collector, way):
    primary, secondary = (make_scripted("prometheus", delays=DELAYS) for _ in range(2))
    collector = make_collector(levels(primary, secondary))
    gone, back = WAYS[way](primary)
    with load_of(collector) as load:
        settled(primary)
        gone()
        settled(secondary, 20)
        back()
        settled(primary, 20)
    in_order(load, primary, secondary)
    assert load.refused == []
    nothing_dropped(collector)
    assert collector.stop() == 0


def test_metrics_stay_in_order_on_a_level_that_is_drained_and_taken_again(
        make_scripted, make_collector):
    primary, secondary = (make_scripted("prometheus", delays=(0.3, 0.05, 0.2)) for _ in range(2))
    collector = make_collector(levels(primary, secondary))
    with load_of(collector) as load:
        for _ in range(3):
            settled(primary)
            collector.ask_admin("POST", "/failover/drain", connector="failover/metrics", level=0)
            settled(secondary)
            collector.ask_admin("POST", "/failover/auto", connector="failover/metrics")
    in_order(load, primary, secondary)
    nothing_dropped(collector)


def test_old_metrics_of_a_backfill_are_never_in_flight_beside_new_ones(
        make_scripted, make_collector):
    # With a window for old samples, as backfill needs it; the order is seen by the overlaps alone.
    profile = replace(PROMETHEUS, ordered=False)
    primary, secondary = (make_scripted(profile, delays=DELAYS) for _ in range(2))
    collector = make_collector(levels(primary, secondary, backfill={"rate": 0}))
    with load_of(collector) as load:
        settled(primary)
        primary.close()
        settled(secondary, 40)
        primary.open()
        settled(primary, 30)
    primary.wait_for_ids(load.acked, timeout=30)
    in_order(load, primary, secondary)


def test_both_targets_of_a_fan_out_get_metrics_in_order(make_scripted, make_collector):
    one, two = (make_scripted("prometheus", delays=DELAYS) for _ in range(2))
    config = yaml.safe_load(only(one, False))
    [(name, settings)] = config["exporters"].items()
    config["exporters"]["otlphttp/other"] = {**settings, "endpoint": f"http://{two.endpoint}"}
    config["service"]["pipelines"]["metrics"]["exporters"] = [name, "otlphttp/other"]
    collector = make_collector(yaml.safe_dump(config))
    with load_of(collector) as load:
        settled(two)
        one.close()
        settled(two, 20)
        one.open()
        settled(one, 20)
    for backend in (one, two):
        in_order(load, backend)
    nothing_dropped(collector)


def test_both_paths_of_one_level_get_metrics_in_order(make_scripted, make_collector):
    one, two, spare = (make_scripted("prometheus", delays=DELAYS) for _ in range(3))
    config = yaml.safe_load(levels(one, two, spare))
    config["connectors"]["failover/metrics"]["priority_levels"] = [
        ["otlphttp/primary", "otlphttp/secondary"], ["otlphttp/third"]]
    collector = make_collector(yaml.safe_dump(config))
    with load_of(collector) as load:
        settled(two)
        one.behave(delays=DELAYS, refuse_data=BUSY, every=2)
        settled(two, 30)
        one.close()
        settled(spare, 20)
        one.behave(delays=DELAYS)
        one.open()
        settled(one, 20)
    in_order(load, one, two, spare)
    nothing_dropped(collector)


def test_metrics_stay_in_order_while_the_primary_flaps(make_scripted, make_collector):
    primary, secondary = (make_scripted("prometheus", delays=DELAYS) for _ in range(2))
    collector = make_collector(levels(primary, secondary, hold="200ms", retry_interval="300ms"))
    with load_of(collector, rate=40) as load:
        for _ in range(3):
            settled(primary)
            primary.close()
            settled(secondary)
            primary.open()
    in_order(load, primary, secondary)
    nothing_dropped(collector)


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
