"""What a backend answers decides what happens to the batch, and whether the level is to blame."""

import time

from harness.configs import failover
from harness.items import make_body
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.wait import stays, wait_until

SIGNAL = ("traces",)


def pair(make_backend, make_collector, **options):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=SIGNAL, **options))
    return primary, secondary, collector


def test_a_poison_batch_that_every_level_rejects_is_dropped_alone_and_counted(
        make_backend, make_collector, client_of):
    primary, secondary, collector = pair(make_backend, make_collector)
    body, poison = make_body("traces", 3)
    for backend in (primary, secondary):
        backend.behave("INVALID_ARGUMENT", poison=poison)
    client = client_of(collector)
    client.export("traces", body)
    good = [number for _ in range(30) for number in client.send("traces", 2)]
    # The level's health is untouched: everything else stays with the primary.
    primary.wait_for_ids(good)
    wait_until(lambda: collector.metric("gapless_journal_dropped_items") == 3, 10, "the drop")
    assert secondary.received == []
    assert collector.metric("otelcol_connector_failover_switches") == 0
    conserved(collector)
    assert collector.stop() == 0


def test_what_only_the_primary_rejects_the_secondary_gets(
        make_backend, make_collector, client_of):
    primary, secondary, collector = pair(make_backend, make_collector)
    body, poison = make_body("traces", 3)
    primary.behave("INVALID_ARGUMENT", poison=poison)
    client = client_of(collector)
    client.export("traces", body)
    secondary.wait_for_ids(poison)
    primary.wait_for_ids(client.send("traces"))
    assert collector.metric("otelcol_connector_failover_switches") == 0


def test_a_batch_that_alone_makes_the_primary_fail_does_not_take_it_down(
        make_backend, make_collector):
    primary, secondary, collector = pair(make_backend, make_collector)
    body, poison = make_body("traces", 3)
    primary.behave("INTERNAL", poison=poison)
    with Load(collector.grpc, SIGNAL, connections=2, rate=50, items=2) as load:
        wait_until(lambda: len(primary.received) > 10, 10, "the load at the primary")
        from harness.load import GrpcClient
        with GrpcClient(collector.grpc) as client:
            client.export("traces", body)
        stays(lambda: collector.metric("otelcol_connector_failover_switches") == 0, 4,
              "one batch took the level down")
    nothing_lost(load.acked, primary, secondary)
    secondary.wait_for_ids(poison, timeout=30)


def test_a_throttled_primary_is_waited_for(make_backend, make_collector, client_of):
    primary, secondary, collector = pair(make_backend, make_collector)
    primary.behave("RESOURCE_EXHAUSTED", retry_after=1.0)
    client = client_of(collector)
    ids = [number for _ in range(5) for number in client.send("traces")]
    wait_until(lambda: primary.counters()["attempts"] >= 1, 5, "the first attempt")
    until = time.monotonic() + 3
    wait_until(lambda: time.monotonic() > until, 5, "three seconds of throttling")
    attempts = primary.counters()["attempts"]
    primary.behave()
    primary.wait_for_ids(ids, timeout=30)  # a third delay may be 17 s long
    assert secondary.received == [], "throttled is not down"
    assert attempts <= 5 * 5, f"{attempts} attempts: the delay was not honoured"


def test_an_exporter_without_failover_keeps_what_it_cannot_deliver(
        make_backend, make_collector, client_of):
    from harness.configs import pass_through
    backend = make_backend()
    retry = {"initial_interval": "100ms", "max_interval": "300ms", "max_elapsed_time": "1s"}
    collector = make_collector(pass_through(backend, retry_on_failure=retry))
    client = client_of(collector)
    backend.kill()
    ids = [number for _ in range(10) for number in client.send("traces", 2)]
    until = time.monotonic() + 3
    wait_until(lambda: time.monotonic() > until, 5, "the series of attempts to end")
    backend.start()
    backend.wait_for_ids(ids, timeout=10)
    conserved(collector)
