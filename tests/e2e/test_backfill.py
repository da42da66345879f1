"""After an outage the primary also gets what went to the secondary meanwhile; and what every level
rejects is not lost either."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from harness import story
from harness.collector import SLOWNESS, run_cli
from harness.configs import durable, failover
from harness.items import make_body
from harness.load import Load
from harness.loopback import loopback_address
from harness.namespace import in_namespace, inside
from harness.oracle import conserved, nothing_lost
from harness.wait import stays, wait_until
from test_guide import (GUIDE, HOSTS, PRIMARY, SECONDARY, block, unblock, world)  # noqa: F401

# Metrics: the guide's config, below; here their warning would be the first line of the story.
SIGNALS = ("traces", "logs")
BACKFILL = {"backfill": {"rate": 0}}
OWED = "otelcol_connector_failover_backfill_owed_items"
DELIVERED = "otelcol_connector_failover_backfilled_items"


def outage(collector, primary, secondary, signals=SIGNALS, requests=20):
    """The primary goes; acknowledged items of the outage, which the secondary then has."""
    primary.kill()
    with Load(collector.grpc, signals, connections=3, rate=100) as load:
        wait_until(lambda: len(load.acked) > requests, 20, "traffic in the outage")
    secondary.wait_for_ids(load.acked, timeout=20)
    return set(load.acked)


def repeated(backend):
    """Items that the backend got more than once."""
    return {number for number, count in backend.ids().items() if count > 1}


@pytest.mark.smoke
@pytest.mark.parametrize("on_disk", (False, True))
def test_the_primary_also_gets_what_the_secondary_took_in_the_outage(
        make_backend, make_collector, tmp_path, on_disk):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = failover(primary, secondary, signals=SIGNALS, connector=BACKFILL,
                      processors={"batch": {"timeout": "100ms"}})
    collector = make_collector(durable(config, tmp_path / "journals") if on_disk else config)
    with Load(collector.grpc, SIGNALS, connections=3, rate=50) as load:
        wait_until(lambda: len(primary.received) > 10, 15, "the load at the primary")
        missed = outage(collector, primary, secondary)
        primary.start()
        primary.wait_for_ids(missed, timeout=30 * SLOWNESS)
    primary.wait_for_ids(load.acked, timeout=30 * SLOWNESS)
    wait_until(lambda: collector.metric(OWED) == 0, 10, "nothing owed any more")
    # What the secondary settles late begins another run.
    told = {line.fields["otelcol.signal"] for line in collector.lines_with("backfill: complete")}
    assert told == set(SIGNALS)
    assert collector.metric(DELIVERED) >= len(missed)
    admitted = collector.metric("otelcol_connector_failover_possible_duplicates")
    assert len(repeated(primary)) <= admitted
    for signal in SIGNALS:
        story.check(collector, signal, f"failover/{signal}")
    conserved(collector)
    assert collector.stop() == 0


def test_what_is_owed_survives_restarts_in_the_outage_and_in_the_backfill(
        make_backend, make_collector, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = failover(primary, secondary, signals=("traces",),
                      connector={"backfill": {"rate": "3KiB/s"}})
    collector = make_collector(durable(config, tmp_path / "journals"))
    missed = outage(collector, primary, secondary, signals=("traces",), requests=150)
    assert collector.stop() == 0
    collector.start()
    missed |= outage(collector, primary, secondary, signals=("traces",), requests=50)
    primary.start()
    wait_until(lambda: len(primary.ids()) > len(missed) / 10, 20, "the begin of the backfill")
    assert collector.stop() == 0
    assert not missed <= primary.ids().keys(), "it was over before the restart: proves nothing"
    collector.start()
    primary.wait_for_ids(missed, timeout=60 * SLOWNESS)
    conserved(collector)
    assert collector.stop() == 0
    # Of 10 consumers half may carry old data, each with one request of the load.
    assert len(repeated(primary)) <= 5 * 10, "more than what was in flight at the restart"


def test_a_reload_in_the_outage_changes_nothing_of_what_is_owed(
        make_backend, make_collector, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = failover(primary, secondary, signals=("logs",), connector=BACKFILL)
    collector = make_collector(config)
    missed = outage(collector, primary, secondary, signals=("logs",))
    changed = yaml.safe_load(config)
    changed["connectors"]["failover/logs"]["backfill"]["max_age"] = "1h"
    changed["exporters"]["otlp/primary"]["timeout"] = "3s"
    collector.write_config("config0", yaml.safe_dump(changed))
    collector.reload()
    collector.wait_for_log("reload")
    primary.start()
    primary.wait_for_ids(missed, timeout=30 * SLOWNESS)
    assert not repeated(primary)
    assert collector.stop() == 0


def test_old_data_that_the_primary_rejects_is_skipped_and_counted(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",),
                                        connector=BACKFILL))
    client = client_of(collector)
    primary.kill()
    body, poison = make_body("traces", 3)
    client.export("traces", body)
    good = [number for _ in range(10) for number in client.send("traces", 2)]
    secondary.wait_for_ids([*good, *poison])
    primary.start()
    primary.behave("INVALID_ARGUMENT", poison=poison)
    primary.wait_for_ids(good, timeout=30)
    given_up = "otelcol_connector_failover_backfill_given_up_items"
    wait_until(lambda: collector.metric(given_up) == 3, 10, "the skipped items to be counted")
    assert not set(poison) & primary.ids().keys()
    conserved(collector)
    assert collector.stop() == 0


# Acceptance: the first config of the guide with its storage, and the key that turns backfill on.
@in_namespace(HOSTS)
def test_the_guides_config_survives_kill_9_in_a_black_hole_outage_and_fills_the_gap(
        request, world, make_collector, authority):  # noqa: F811
    _, primary, secondary = world
    texts = [(GUIDE / name).read_text()
             for name in ("collector-config.yaml", "failover-config.yaml", "rest.yaml")]
    texts.append(yaml.safe_dump({"connectors": {"failover/traces": {"backfill": None},
                                                "failover/metrics": {"backfill": None}}}))
    if not inside():
        texts = [text.replace(f"{PRIMARY}:4317", primary.endpoint)
                 .replace(f"{SECONDARY}:4317", secondary.endpoint) for text in texts]
        texts[2] = "processors: {batch: }\n"
    collector = make_collector(*texts, env={"SSL_CERT_FILE": str(authority.ca)}, bare=inside(),
                               host="127.0.0.1" if inside() else None)
    signals = ("traces", "metrics")
    with Load(collector.grpc, signals, connections=2, rate=60) as load:
        wait_until(lambda: len(primary.received) > 10, 15, "the load at the primary")
        block(primary, "black hole")
        wait_until(lambda: len(secondary.received) > 10, 20, "the load at the secondary")
        collector.process.kill()
        collector.process.wait()
        collector.start()
        before = len(secondary.received)
        wait_until(lambda: len(secondary.received) > before + 10, 30, "traffic after the restart")
    print(nothing_lost(load.acked, primary, secondary, timeout=30))
    unblock(primary, "black hole")
    primary.wait_for_ids(load.acked, timeout=90 * SLOWNESS)
    assert collector.stop() == 0


class HealthPage:
    """A health page with a status that the test chooses."""

    def __init__(self, host):
        page = self
        self.status = 200
        self.asked = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):  # noqa: N802 (a name of http.server)
                page.asked += 1
                self.send_response(page.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self.url = f"http://{host}:{self._server.server_port}/health"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def test_a_health_page_takes_the_primary_out_of_use_and_brings_it_back(
        make_backend, make_collector):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    page = HealthPage(loopback_address())
    check = {"http": page.url, "interval": "200ms", "timeout": "1s"}
    collector = make_collector(failover(
        primary, secondary, signals=("traces",),
        connector={**BACKFILL, "health_check": {"otlp/primary": check}}))
    try:
        with Load(collector.grpc, ("traces",), connections=2, rate=50) as load:
            wait_until(lambda: len(primary.received) > 10 and page.asked > 3, 15,
                       "the load at the primary")
            page.status = 503
            wait_until(lambda: len(secondary.received) > 10, 15, "the load at the secondary")
            [down] = collector.lines_with("failover: level down")
            assert down.fields["reason"] == "health_check"
            before = len(primary.received)
            stays(lambda: len(primary.received) <= before + 1, 2, "the page decides")
            page.status = 200
            wait_until(lambda: len(primary.received) > before + 10, 15, "the load to be back")
        primary.wait_for_ids(load.acked, timeout=30)
        assert load.refused == []
        assert collector.stop() == 0
    finally:
        page.close()


def test_what_every_level_rejects_goes_to_the_dead_letter_exporter_with_the_reason(
        make_backend, make_collector, client_of, tmp_path):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = yaml.safe_load(failover(primary, secondary, signals=("traces",),
                                     connector={"dead_letter": "file/rejected"}))
    path = tmp_path / "rejected.jsonl"
    config["exporters"]["file/rejected"] = {"path": str(path)}
    collector = make_collector(yaml.safe_dump(config))
    body, poison = make_body("traces", 3)
    for backend in (primary, secondary):
        backend.behave("INVALID_ARGUMENT", poison=poison)
    client = client_of(collector)
    client.export("traces", body)
    primary.wait_for_ids([number for _ in range(10) for number in client.send("traces", 2)])
    # It was cut to see which items are bad: together the letters hold each of them once.
    names = [f'"spanId":"{number.to_bytes(8, "big").hex()}"' for number in poison]
    wait_until(lambda: path.exists() and path.read_text().endswith("\n") and
               all(name in path.read_text() for name in names), 10, "the dead letters")
    lines = path.read_text().splitlines()
    assert [path.read_text().count(name) for name in names] == [1, 1, 1]
    for letter in map(json.loads, lines):
        attributes = {pair["key"]: pair["value"]["stringValue"]
                      for pair in letter["resourceSpans"][0]["resource"]["attributes"]
                      if "stringValue" in pair["value"]}
        assert attributes["gapless.dead_letter.reason"] == "rejected"
        assert "made to fail" in attributes["gapless.dead_letter.error"]
        assert attributes["gapless.dead_letter.source"] == "failover/traces"
    stays(lambda: path.read_text().splitlines() == lines, 1, "more dead letters came")
    wait_until(lambda: collector.metric("otelcol_connector_failover_dropped_items") == 3, 5,
               "the dropped items to be counted")
    conserved(collector)
    assert collector.stop() == 0


@pytest.mark.parametrize("dead_letter, complaint", (
    ("file/rejekted", 'did you mean "file/rejected"'),
    ("otlp/secondary", "is also a level"),
    ("traces/primary", "is not an exporter"),
))
def test_a_wrong_dead_letter_is_found_by_validate_with_its_place(
        make_backend, tmp_path, dead_letter, complaint):
    config = yaml.safe_load(failover(make_backend("primary"), make_backend("secondary"),
                                     signals=("traces",), connector={"dead_letter": dead_letter}))
    config["receivers"] = {"otlp": {"protocols": {"grpc": None}}}
    config["exporters"]["file/rejected"] = {"path": str(tmp_path / "rejected")}
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1)
                if "dead_letter" in text)
    result = run_cli("validate", "--config", path)
    assert result.returncode == 1
    assert complaint in result.stderr
    assert f"{path}:{line}:" in result.stderr
