"""A few dozen requests that a backend never takes, and everybody else."""

import time

import pytest
import yaml

from harness.configs import failover, pass_through
from harness.items import make_body
from harness.oracle import conserved


def test_a_few_dozen_records_that_a_backend_never_takes_stop_nothing_else(
        make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    client = client_of(collector)
    bad = [make_body("traces") for _ in range(80)]
    backend.behave("INTERNAL", poison=[number for _, ids in bad for number in ids])
    for body, _ in bad:
        client.export("traces", body)
    for _ in range(10):
        backend.wait_for_ids(client.send("traces"), timeout=5)


MERGING = {"sending_queue": {"batch": {"flush_timeout": "1s", "min_size": 1000}}}


def _one_bad_client_in_twenty(client, backends, seconds, code="INTERNAL"):
    """A request each 50 ms, of which every twentieth is bad: so is every merged one. The good."""
    due = time.monotonic()
    bodies = [make_body("traces") for _ in range(int(seconds * 20))]
    bad = [number for _, ids in bodies[::20] for number in ids]
    for backend in backends:
        backend.behave(code, poison=bad)
    for body, _ in bodies:
        client.export("traces", body)
        due += 0.05
        time.sleep(max(0.0, due - time.monotonic()))
    return {number for _, ids in bodies for number in ids} - set(bad)


@pytest.mark.parametrize("protocol", ("grpc", "http"))
def test_merged_requests_each_with_a_bad_record_are_cut_and_the_good_ones_go_out(
        protocol, make_backend, make_collector, client_of):
    backend = make_backend(protocol=protocol)
    collector = make_collector(pass_through(backend, signals=("traces",), **MERGING))
    good = _one_bad_client_in_twenty(client_of(collector), [backend], 10)
    backend.wait_for_ids(good, timeout=120)
    assert collector.lines_with("to find what the destination fails on")
    conserved(collector)


def test_merged_requests_that_both_levels_fail_are_cut_and_the_good_ones_go_out(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    text = yaml.safe_load(failover(primary, secondary, signals=("traces",)))
    text["connectors"]["failover/traces"].update(MERGING)
    collector = make_collector(yaml.safe_dump(text))
    good = _one_bad_client_in_twenty(client_of(collector), [primary, secondary], 10)
    deadline = time.monotonic() + 120
    while good - primary.ids().keys() - secondary.ids().keys() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not good - primary.ids().keys() - secondary.ids().keys()
    conserved(collector)
