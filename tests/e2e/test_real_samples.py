"""One bad item among good ones, at backends that store nothing of such a request, or all but it."""

import json

import pytest
import yaml

from harness.configs import failover, pass_through
from harness.items import make_body
from harness.load import GrpcClient, Load
from harness.oracle import conserved
from harness.wait import stays, wait_until

# An exporter that says 4xx of a whole request: (profile, settings).
STRICT = {"prometheus": ("prometheus", {}),
          "cortex": ("cortex", {"headers": {"X-Scope-OrgID": "tests"}})}


def known_as_well(make_scripted, make_collector, client_of, name="prometheus", signal="metrics",
                  **connector):
    """(backend, collector, client) where the backend has taken something."""
    profile, settings = STRICT.get(name, (name, {}))
    backend = make_scripted(profile)
    config = yaml.safe_load(pass_through(backend, (signal,), **settings))
    if connector:
        path = connector.pop("dead_letters")
        text = failover(backend, signals=(signal,), connector={"dead_letter": "file/rejected"})
        config = yaml.safe_load(text)
        config["exporters"]["file/rejected"] = {"path": str(path)}
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    body, ids = make_body(signal, 3, instance="before")
    client.export(signal, body)
    backend.wait_for_ids(ids)
    return backend, collector, client


def dropped(collector):
    return collector.metric("gapless_journal_dropped_items")


def attempts_for(backend, ids):
    wanted = set(ids)
    return [answer for answer in backend.answers if wanted & set(answer.ids)]


@pytest.mark.parametrize("name, signal", (("prometheus", "metrics"), ("cortex", "metrics"),
                                          ("jaeger", "traces"), ("victoria_logs", "logs")))
def test_one_bad_item_among_51_goes_alone(make_scripted, make_collector, client_of, name, signal):
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of, name,
                                               signal)
    body, ids = make_body(signal, 51, instance="client")
    bad = ids[17]
    backend.behave(invalid=frozenset({bad}))
    client.export(signal, body)
    backend.wait_for_ids(set(ids) - {bad})
    wait_until(lambda: dropped(collector) == 1, 10, lambda: f"1 drop, not {dropped(collector)}")
    tries = attempts_for(backend, ids)
    assert len(tries) <= 16, f"{len(tries)} attempts for one bad item of 51:\n{backend.story()}"
    # The cut costs nobody else anything.
    body, more = make_body(signal, 5, instance="client")
    client.export(signal, body)
    backend.wait_for_ids(more)
    assert dropped(collector) == 1
    conserved(collector)


def test_the_good_items_around_a_bad_one_are_stored_in_their_order(
        make_scripted, make_collector, client_of):
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of)
    body, ids = make_body("metrics", 51)  # of one series: what is sent too early shuts others out
    bad = {ids[17], ids[30]}
    backend.behave(invalid=frozenset(bad), delays=(0.05, 0.005))
    client.export("metrics", body)
    more = [number for _ in range(5) for number in client.send("metrics", 4)]
    backend.wait_for_ids({*ids, *more} - bad)
    wait_until(lambda: dropped(collector) == 2, 10, lambda: f"2 drops, not {dropped(collector)}")
    conserved(collector)


def test_several_bad_items_go_and_the_others_stay(make_scripted, make_collector, client_of):
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of)
    body, ids = make_body("metrics", 100, instance="client")
    bad = {ids[0], ids[50], ids[51], ids[99]}
    backend.behave(invalid=frozenset(bad))
    client.export("metrics", body)
    backend.wait_for_ids(set(ids) - bad, timeout=15)
    wait_until(lambda: dropped(collector) == 4, 10, lambda: f"4 drops, not {dropped(collector)}")
    assert not bad & backend.ids().keys()
    tries = attempts_for(backend, ids)
    assert len(tries) <= 64, f"{len(tries)} attempts"
    conserved(collector)


def test_a_request_of_bad_items_alone_costs_few_attempts(make_scripted, make_collector, client_of):
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of)
    body, ids = make_body("metrics", 512, instance="client")
    backend.behave(invalid=frozenset(ids))
    client.export("metrics", body)
    wait_until(lambda: dropped(collector) == 512, 20, lambda: f"512, not {dropped(collector)}")
    tries = attempts_for(backend, ids)
    assert len(tries) <= 64, f"{len(tries)} attempts for 512 bad items"
    body, more = make_body("metrics", 5, instance="client")
    client.export("metrics", body)
    backend.wait_for_ids(more)
    conserved(collector)


def test_a_bad_item_in_a_merged_batch_goes_alone(make_scripted, make_collector):
    backend = make_scripted("prometheus")
    config = yaml.safe_load(pass_through(backend, ("metrics",), ("batch",)))
    config["processors"] = {"batch": {"timeout": "500ms"}}
    collector = make_collector(yaml.safe_dump(config))
    with Load(collector.grpc, ("metrics",), connections=4, rate=40, items=20,
              instances=True) as load:
        wait_until(lambda: len(backend.received) > 2, 10, "the load")
        with GrpcClient(collector.grpc) as client:
            body, ids = make_body("metrics", 20, instance="bad")
            backend.behave(invalid=frozenset(ids[:1]))
            client.export("metrics", body)
            wait_until(lambda: dropped(collector) >= 1, 10, "the drop")
    backend.wait_for_ids(load.acked | set(ids[1:]))
    assert dropped(collector) == 1
    conserved(collector)


def test_a_bad_item_of_one_resource_costs_no_other_resource_of_the_request(
        make_scripted, make_collector, client_of):
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of)
    parts = [make_body("metrics", 9, instance=name) for name in ("one", "two", "three")]
    bad = parts[1][1][4]
    backend.behave(invalid=frozenset({bad}), delays=(0.03, 0.005))
    client.export("metrics", b"".join(body for body, _ in parts))
    wanted = {number for _, ids in parts for number in ids} - {bad}
    for body, ids in (make_body("metrics", 9, instance=name) for name in ("one", "two", "three")):
        client.export("metrics", body)
        wanted.update(ids)
    backend.wait_for_ids(wanted)
    wait_until(lambda: dropped(collector) == 1, 10, lambda: f"1 drop, not {dropped(collector)}")
    assert not backend.overlaps() and not backend.unstored()
    conserved(collector)


def test_one_bad_item_of_what_is_owed_costs_the_others_nothing(
        make_scripted, make_collector, client_of):
    primary, secondary = make_scripted("jaeger"), make_scripted("jaeger")
    collector = make_collector(failover(primary, secondary, signals=("traces",),
                                        connector={"backfill": {"rate": 0}}))
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces", 3))
    primary.close()
    body, ids = make_body("traces", 51)
    primary.behave(invalid=frozenset(ids[17:18]))
    client.export("traces", body)
    secondary.wait_for_ids(ids)
    primary.open()
    primary.wait_for_ids(set(ids) - {ids[17]}, timeout=15)
    given_up = "otelcol_connector_failover_backfill_given_up_items"
    wait_until(lambda: collector.metric(given_up) == 1, 10,
               lambda: f"1 item given up, not {collector.metric(given_up)}")
    assert dropped(collector) == 0
    conserved(collector)


def test_a_sample_out_of_order_takes_no_other_with_it(make_scripted, make_collector, client_of):
    """An application that sends one old sample beside new ones."""
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of)
    old, _ = make_body("metrics", 1, instance="one")
    new, new_ids = make_body("metrics", 1, instance="one")
    client.export("metrics", new)
    backend.wait_for_ids(new_ids)
    others, other_ids = make_body("metrics", 30, instance="two")
    client.export("metrics", old + others)  # requests are merged by putting them in a row
    backend.wait_for_ids(other_ids)
    wait_until(lambda: dropped(collector) == 1, 10, "the drop")
    told = collector.lines_with("Dropping data")
    assert told and "out of order sample" in told[0].raw


def test_only_the_bad_item_is_a_dead_letter(make_scripted, make_collector, client_of, tmp_path):
    path = tmp_path / "rejected.jsonl"
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of,
                                               dead_letters=path)
    body, ids = make_body("metrics", 51, instance="client")
    backend.behave(invalid=frozenset(ids[:1]))
    client.export("metrics", body)
    backend.wait_for_ids(ids[1:])
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), 10, "the dead letter")
    [line] = path.read_text().splitlines()
    points = [point for resource in json.loads(line)["resourceMetrics"]
              for scope in resource["scopeMetrics"] for metric in scope["metrics"]
              for point in metric["gauge"]["dataPoints"]]
    assert [int(point["timeUnixNano"]) for point in points] == ids[:1]
    assert "out of bounds" in line
    stays(lambda: len(path.read_text().splitlines()) == 1, 1, "more dead letters came")
    conserved(collector)


def test_series_beyond_the_limit_of_a_tenant_take_no_known_series_with_them(
        make_scripted, make_collector, client_of):
    backend, collector, client = known_as_well(make_scripted, make_collector, client_of, "cortex")
    backend.behave(series_max=13)  # three are there
    body, ids = make_body("metrics", 20, instance="client")
    client.export("metrics", body)
    wait_until(lambda: dropped(collector) == 10, 15, lambda: f"10, not {dropped(collector)}")
    assert len(backend.ids()) == 3 + 10
    told = collector.lines_with("per-user series limit of 13 exceeded")
    assert told
    body, more = make_body("metrics", 10, instance="client")
    client.export("metrics", body)
    backend.wait_for_ids(more)
    conserved(collector)
