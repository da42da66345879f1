"""Several attackers at once."""

import pytest

import attackers
from harness.configs import durable, failover
from stage import MIB


def test_eight_attackers_at_once_cost_no_acknowledged_item(make_stage):
    stage = make_stage(memory=512 * MIB)
    # They take the processors of a small machine from the neighbour, too.
    stage.play(attackers.together, seconds=20, extra=400 * MIB, timing=False)


@pytest.mark.parametrize("memory", (None, 512 * MIB), ids=("open", "confined"))
def test_eight_attackers_while_the_backends_are_out_and_the_queue_is_on_disk(
        make_stage, make_backend, tmp_path, memory):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    config = durable(failover(primary, secondary, signals=("traces",)), tmp_path / "journals")
    stage = make_stage(primary, secondary, config=config, memory=memory)
    stage.play(attackers.together, seconds=30, extra=(400 if memory else 1024) * MIB, timing=False,
               plot={3: primary.kill, 10: secondary.kill, 18: secondary.start, 22: primary.start})
