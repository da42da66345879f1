"""Clients that give up: whatever state their request is in, it costs them alone."""

import pytest

import leavers
from harness.configs import failover, pass_through
from stage import MIB

OFF = {"sending_queue": {"enabled": False}}


def cut(make_backend):
    """A backend that takes its time, and no message above 3 KB: most requests go in pieces."""
    backend = make_backend(max_bytes=3000)
    backend.behave(delay=0.01)
    return backend


@pytest.mark.short
def test_requests_that_are_sent_in_pieces_without_a_queue(make_stage, make_backend):
    backend = cut(make_backend)
    stage = make_stage(backend, config=pass_through(backend, signals=("traces",), **OFF))
    # They take what the backend can do.
    stage.play(leavers.leave, seconds=12, extra=96 * MIB, timing=False)
    assert stage.refused("requests", "reset") > 0


@pytest.mark.parametrize("queue", ({"enabled": False}, {"queue_size": 50, "on_full": "block"},
                                   {"batch": {"flush_timeout": "200ms", "min_size": 1000}}),
                         ids=("off", "full", "batch"))
def test_requests_while_the_levels_change(make_stage, make_backend, queue):
    primary, secondary = cut(make_backend), cut(make_backend)
    config = failover(primary, secondary, signals=("traces",), connector={"sending_queue": queue})
    stage = make_stage(primary, secondary, config=config, memory=512 * MIB)
    stage.play(leavers.leave, seconds=20, extra=160 * MIB, timing=False,
               plot={3: primary.kill, 8: primary.start, 12: secondary.kill, 16: secondary.start})
