"""The fixtures of the end-to-end tests, for programs that use the SDKs of other people."""

import programs
import pytest
from runs import Run

from harness.fixtures import (  # noqa: F401
    authority,
    client_of,
    make_backend,
    make_collector,
)


@pytest.fixture(params=programs.CLIENTS, ids=lambda client: client.name)
def client(request):
    """Every client in turn; one whose tools are not installed is skipped."""
    if programs.built(request.param.sdk) is None:
        needed = " and ".join(programs.TOOLS[request.param.sdk])
        pytest.skip(f"needs {needed}, which is not installed")
    return request.param


@pytest.fixture
def start():
    """Starts a client program: start(client, collector or host:port, **command line)."""
    made = []

    def make(*args, **options):
        made.append(Run(*args, **options))
        return made[-1]

    yield make
    for run in made:
        run.destroy()
