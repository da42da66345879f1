"""Attacks with request bodies: what they may hold, and for how long."""

import multiprocessing

import pytest

import attackers
from stage import MIB

# The budget of bodies of one server, and what a process needs beside it while it is used.
OPEN, CONFINED = 512 * MIB, 64 * MIB
SMALL = 512 * MIB
SPARE = 96 * MIB


@pytest.mark.short
def test_bodies_of_one_connection_stay_within_the_budget_and_complete(make_stage):
    stage = make_stage(memory=SMALL)
    done = multiprocessing.get_context("spawn").Queue()
    stage.attack(attackers.many_bodies, 150, 1, done)
    assert done.get(timeout=90) == 150, "all bodies, one after another"
    assert stage.peak() < 3.5 * CONFINED + SPARE, f"{stage.peak() / MIB:.0f} MiB"
    assert stage.collector.running


def test_many_bodies_beside_a_neighbour(make_stage):
    stage = make_stage(memory=SMALL)
    # Half of it waits in the queue, for the backend.
    stage.play(attackers.many_bodies, 150, 2, extra=4 * CONFINED + SPARE)


def test_many_bodies_on_a_large_machine(make_stage):
    # What the queue takes in while the backend is slower counts as well.
    stage = make_stage(limit="512MiB")
    stage.play(attackers.many_bodies, 150, 4, extra=OPEN + SPARE)


@pytest.mark.parametrize("memory", (None, SMALL), ids=("open", "confined"))
def test_slow_bodies_over_many_connections_of_one_address(make_stage, memory):
    stage = make_stage(memory=memory)
    # Its own bodies are larger than what everybody may always send.
    stage.play(attackers.slow_bodies_of_one_address, seconds=12, item_bytes=40_000,
               extra=(CONFINED if memory else OPEN) + 2 * SPARE)


@pytest.mark.parametrize("memory", (None, SMALL), ids=("open", "confined"))
def test_bodies_that_never_end_leave_the_neighbour_its_share_and_are_refused(make_stage, memory):
    stage = make_stage(memory=memory)
    stage.play(attackers.holder, seconds=20 if memory else 80,
               extra=(CONFINED if memory else OPEN) + SPARE)
    assert stage.refused("requests", "too_slow") > 0
    stage.told("too slow")


@pytest.mark.parametrize("memory", (None, SMALL), ids=("open", "confined"))
def test_http1_bodies_that_never_end(make_stage, memory):
    stage = make_stage(memory=memory)
    # The allocator may keep for one worker what it has just given back on another.
    stage.play(attackers.slow_http, seconds=20, extra=2 * (CONFINED if memory else OPEN))


@pytest.mark.short
def test_data_in_frames_of_one_byte(make_stage):
    stage = make_stage(memory=SMALL)
    stage.play(attackers.one_byte_frames, seconds=4, extra=64 * MIB)
    assert stage.refused("connections", "flood") > 0
    stage.told("frames")


def test_data_between_frames_that_mean_nothing_pins_no_memory(make_stage):
    stage = make_stage(memory=SMALL)
    stage.play(attackers.padded_with_unknown, extra=CONFINED + SPARE)


def test_headers_of_open_streams_are_bounded(make_stage):
    stage = make_stage()
    stage.play(attackers.header_hoard, seconds=15, extra=256 * MIB)
    assert stage.refused("requests", "header_budget") + stage.refused("connections", "flood") > 0
    stage.told("headers")
