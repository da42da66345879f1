"""Attacks with connections alone."""

import attackers


def test_connections_that_find_no_descriptor_are_counted_and_said(make_stage):
    stage = make_stage(descriptors=150)
    stage.play(attackers.idle, seconds=4)
    assert stage.refused("connections", "accept") > 0
    stage.told("cannot accept connections")
