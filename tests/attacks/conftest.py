"""The fixtures of the attacks."""

import pytest

from harness.fixtures import authority, make_backend  # noqa: F401
from stage import Stage


def pytest_addoption(parser):
    parser.addoption("--no-timing", action="store_true",
                     help="do not hold the neighbour to its throughput: the machine is busy")


@pytest.fixture
def make_stage(make_backend, pytestconfig):  # noqa: F811
    made = []
    timing = not pytestconfig.getoption("--no-timing")

    def make(*backends, **options):
        made.append(Stage(*(backends or [make_backend()]), timing=timing, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.destroy()
