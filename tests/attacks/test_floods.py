"""Floods of frames, and requests whose answers nobody takes."""

import pytest

import attackers
from stage import MIB

QUICK = ("priority", "ping", "rapid_reset")


@pytest.mark.parametrize("kind", [
    pytest.param(kind, marks=[pytest.mark.short] if kind in QUICK else [])
    for kind in attackers.FLOODS])
def test_a_flood_of_frames_ends_with_a_goaway(make_stage, kind):
    stage = make_stage()
    stage.play(attackers.flood, kind, seconds=3, calm=1.5, extra=48 * MIB)
    if kind != "continuation":  # a violation of the protocol, which ends the connection by itself
        assert stage.refused("connections", "flood") > 0
        stage.told("frames")


def test_requests_of_clients_that_never_read_are_bounded(make_stage):
    stage = make_stage()
    stage.play(attackers.never_reads, seconds=8, extra=64 * MIB)


def test_answers_that_may_not_be_sent_are_bounded(make_stage):
    stage = make_stage()
    stage.play(attackers.closed_windows, seconds=8, extra=128 * MIB)
