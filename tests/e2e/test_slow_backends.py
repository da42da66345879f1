"""Backends that are far away or busy: slow is not dead, and the data stays with the primary."""

import threading
import time

import pytest
import yaml

from harness.configs import failover
from harness.items import read_ids
from harness.load import Load
from harness.loopback import loopback_address
from harness.relay import Relay
from harness.wait import wait_until
from harness.web_backend import WebBackend

DEFAULTS = {"retry_interval": None, "retry_gap": None, "hold": None}


def with_defaults(text):
    """The same configuration without the quick settings of these tests."""
    config = yaml.safe_load(text)
    for connector in config["connectors"].values():
        for key in DEFAULTS:
            connector.pop(key)
    return config


def stays_on_primary(collector, secondary, seconds):
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end or secondary.received, seconds + 5, "the time")
    assert secondary.received == []
    assert collector.lines_with("switched") == []
    assert collector.lines_with("Destination is down") == []


@pytest.mark.parametrize("delay", (0.15, 0.25))
def test_a_backend_that_is_far_away_is_used_from_the_start_and_never_left(
        make_backend, make_collector, authority, delay):
    host = loopback_address()
    primary = make_backend("primary", host=host, tls=authority.server(host))
    secondary = make_backend("secondary")
    relay = Relay(primary.endpoint, delay)
    config = with_defaults(failover(primary, secondary, signals=("traces",)))
    config["exporters"]["otlp/primary"].update(
        endpoint=relay.endpoint,
        tls={"ca_file": str(authority.ca), "server_name_override": host})
    collector = make_collector(yaml.safe_dump(config))
    with Load(collector.grpc, ("traces",), connections=2, rate=20, items=5) as load:
        stays_on_primary(collector, secondary, 15)
    primary.wait_for_ids(load.acked)
    assert primary.ids().most_common(1)[0][1] == 1, "nothing was sent twice"
    relay.close()


class BusyBackend(WebBackend):
    """One worker: a request is begun when the one before is answered."""

    def __init__(self, seconds):
        self.ids = []
        self._turn = threading.Lock()
        self._seconds = seconds
        super().__init__(self._take)

    def _take(self, request):
        with self._turn:
            time.sleep(self._seconds)
            self.ids += read_ids("traces", request.body)
        return 200


def test_a_backend_with_one_worker_that_takes_seconds_does_not_fall(
        make_backend, make_collector, client_of):
    primary, secondary = BusyBackend(2.5), make_backend("secondary")
    config = with_defaults(failover(primary, secondary, signals=("traces",),
                                    exporters={"compression": "none"}))
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    sent = []
    for _ in range(8):
        sent += client.send("traces", 3)
        stays_on_primary(collector, secondary, 1)
    wait_until(lambda: secondary.received or set(sent) <= set(primary.ids), 40, "the data")
    assert secondary.received == []
    assert collector.lines_with("Destination is down") == []
    assert sorted(primary.ids) == sorted(sent), "nothing was sent twice"
    primary.close()
