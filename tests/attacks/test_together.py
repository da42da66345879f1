"""Several attackers at once."""

import attackers
from stage import MIB


def test_eight_attackers_at_once_cost_no_acknowledged_item(make_stage):
    stage = make_stage(memory=512 * MIB)
    # They take the processors of a small machine from the neighbour, too.
    stage.play(attackers.together, seconds=20, extra=400 * MIB, timing=False)
