"""A backend whose place an attacker has taken: data goes to the next level, and nothing else
suffers."""

import pytest

import hostile_backends
from harness.configs import failover
from harness.wait import wait_until
from stage import MIB

SWITCHES = "otelcol_connector_failover_switches"


def taken_over(make_stage, make_backend, protocol, attack, kind):
    """The primary is replaced while data flows; the stage afterwards."""
    primary, secondary = (make_backend(name, protocol=protocol)
                          for name in ("primary", "secondary"))
    stage = make_stage(primary, secondary, memory=512 * MIB,
                       config=failover(primary, secondary, signals=("traces",)))
    # Acknowledged data waits in the queue meanwhile; the neighbour notices nothing.
    # Connections to the secondary remain, as it will be used again.
    stage.play(attack, primary.endpoint, *kind, extra=64 * MIB, plot={0: primary.kill}, files=16)
    assert stage.collector.metric(SWITCHES) > 0
    return stage


@pytest.mark.parametrize("kind", sorted(hostile_backends.HTTP2))
def test_a_grpc_backend_turns_hostile(make_stage, make_backend, kind):
    taken_over(make_stage, make_backend, "grpc", hostile_backends.http2, (kind,))


@pytest.mark.parametrize("kind", sorted(hostile_backends.HTTP1))
def test_an_http_backend_turns_hostile(make_stage, make_backend, kind):
    taken_over(make_stage, make_backend, "http", hostile_backends.http1, (kind,))


@pytest.mark.short
def test_a_backend_that_ends_every_connection(make_stage, make_backend):
    stage = taken_over(make_stage, make_backend, "grpc", hostile_backends.flapping, ())
    wait_until(lambda: stage.collector.lines_with("level down"), 5, "the reason in the log")
