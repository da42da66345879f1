"""Small bodies that cost much to read."""

import pytest

import attackers
from stage import MIB


@pytest.mark.parametrize("make", (attackers.json_tokens, attackers.json_nesting,
                                  attackers.json_string), ids=lambda make: make.__name__)
def test_gzip_that_inflates_a_thousandfold_does_not_take_the_worker(make_stage, make):
    stage = make_stage(memory=512 * MIB)
    stage.play(attackers.inflated, make, attackers=8, seconds=5, extra=160 * MIB)
    assert stage.refused("requests", "inflated") > 0
    stage.told("inflate")


def test_plain_json_of_many_tokens_does_not_take_the_worker(make_stage):
    stage = make_stage(memory=512 * MIB)
    stage.play(attackers.plain_json, attackers=4, seconds=5, extra=300 * MIB)
