"""Values that clients choose, where a batch is kept for each of them."""

import pytest
import yaml

import attackers
from harness.configs import pass_through
from stage import MIB


@pytest.mark.parametrize("memory", (None, 512 * MIB), ids=("open", "confined"))
def test_as_many_values_of_metadata_keys_as_a_client_can_think_of(
        make_stage, make_backend, memory):
    backend = make_backend()
    config = yaml.safe_load(pass_through(backend, signals=("traces",), processors=("batch",)))
    config["receivers"] = {"otlp": {"protocols": {"grpc": {"include_metadata": True}}}}
    # A limit of its own for so many batches: upstream's, 1,000 values.
    config["processors"]["batch"] = {"timeout": "2s", "metadata_keys": ["x-tenant"]}
    stage = make_stage(backend, memory=memory, config=yaml.safe_dump(config))
    # Who has come for ten seconds is known.
    stage.play(attackers.tenants, calm=12, seconds=10, extra=96 * MIB)
    stage.told("too many batcher metadata-value combinations")
