"""Fixtures for conftest.py: factories that clean up after themselves, the log beside a failure."""

import pytest

from harness.backend import Backend
from harness.collector import Collector
from harness.load import GrpcClient
from harness.scripted_backend import ScriptedBackend
from harness.tls import Authority


@pytest.fixture
def make_backend():
    made = []

    def make(name="backend", **options):
        made.append(Backend(name, **options))
        return made[-1]

    yield make
    for backend in made:
        backend.destroy()


@pytest.fixture
def make_scripted():
    """A backend that answers as the one of that name does (harness.real_answers)."""
    made = []

    def make(profile, **options):
        made.append(ScriptedBackend(profile, **options))
        return made[-1]

    yield make
    for backend in made:
        # Shown by pytest only when the test failed.
        print(f"--- the last answers of {backend.name} at {backend.address}\n{backend.story()}")
        backend.destroy()


@pytest.fixture
def make_collector():
    made = []

    def make(*texts, **options):
        made.append(Collector.__new__(Collector))
        made[-1].__init__(*texts, **options)
        return made[-1]

    yield make
    started = [collector for collector in made if getattr(collector, "process", None)]
    for collector in started:
        # Shown by pytest only when the test failed.
        print(f"--- log of the collector at {collector.host}\n{collector.log_tail(200)}")
    for collector in started:
        collector.destroy()


@pytest.fixture
def client_of():
    made = []

    def make(collector):
        made.append(GrpcClient(collector.grpc))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture(scope="session")
def authority():
    return Authority()
