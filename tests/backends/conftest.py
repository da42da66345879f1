"""Fixtures of the tests with real backends, the peer, repetition, and the file of results."""

import json
import time

import pytest

from real import table
from real.case import Case, makers


def pytest_addoption(parser):
    parser.addoption("--peer", action="store_true", help="a stock Collector instead of gapless")
    parser.addoption("--repeat", type=int, default=1, help="how often the cases of a race run")


def pytest_generate_tests(metafunc):
    if "run" in metafunc.fixturenames:
        metafunc.parametrize("run", range(metafunc.config.getoption("--repeat")))


def who(config):
    return "collector" if config.getoption("--peer") else "gapless"


@pytest.fixture
def case(request, tmp_path):
    """The builder of a situation (real/case.py)."""
    if request.config.getoption("--peer") and request.node.get_closest_marker("ours"):
        pytest.skip("a stock Collector has nothing of the kind")
    made = Case(makers()[who(request.config)], tmp_path)
    request.node.case = made
    yield made
    made.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    made = getattr(item, "case", None)
    if report.when == "call" and made and not report.skipped:
        table.note(who(item.config), {
            "test": item.name, "file": item.path.stem, "passed": report.passed,
            "at": time.time(), "seconds": round(call.duration, 1), **made.report()})


def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):  # not in the workers of xdist
        table.write()
