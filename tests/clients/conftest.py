"""The fixtures of the end-to-end tests, for programs that use the SDKs of other people."""

import shutil

import programs
import pytest
from fronts import StockCollector
from runs import Run

from harness.activation import listening
from harness.collector import Collector
from harness.fixtures import (  # noqa: F401
    authority,
    make_backend,
)
from harness.loopback import loopback_address

FRONTS = {"gapless": Collector, "stock": StockCollector}
FIGURES = ("situation", "client", "front", "produced", "acked", "failed", "lost",
           "lost of acked", "twice")


def pytest_addoption(parser):
    parser.addoption("--peer", action="store_true",
                     help="the same against a stock Collector; its figures are shown beside ours")


def pytest_generate_tests(metafunc):
    """A test that compares asks for `front`: gapless, and with --peer a stock Collector, too."""
    if "front" in metafunc.fixturenames:
        peer = metafunc.config.getoption("--peer")
        metafunc.parametrize("front", ("gapless", "stock") if peer else ("gapless",))


@pytest.fixture(params=programs.CLIENTS, ids=lambda client: client.name)
def client(request):
    """Every client in turn; one whose tools are not installed is skipped."""
    if programs.built(request.param.sdk) is None:
        needed = " and ".join(programs.TOOLS[request.param.sdk])
        pytest.skip(f"needs {needed}, which is not installed")
    return request.param


@pytest.fixture
def make_front():
    """make_front(kind, *texts, **options of Collector); "activated" is gapless with listening
    sockets that outlive its processes, as under systemd."""
    made, held = [], []

    def make(kind, *texts, **options):
        if kind == "activated":
            host = loopback_address()
            held.extend(listening(f"{host}:{port}") for port in (4317, 4318))
            options.update(host=host, sockets=held[-2:])
            kind = "gapless"
        if kind == "stock" and not shutil.which("go"):
            pytest.skip("needs go, which is not installed, to build a Collector")
        made.append(FRONTS[kind].__new__(FRONTS[kind]))
        made[-1].__init__(*texts, **options)
        return made[-1]

    yield make
    started = [front for front in made if getattr(front, "process", None)]
    for front in started:
        # Shown by pytest only when the test failed.
        print(f"--- log of the collector at {front.host}\n{front.log_tail(80)}")
    for front in started:
        front.destroy()
    for one in held:
        one.close()


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


@pytest.fixture
def account(record_property):
    """Keeps the figures of a case for the table at the end of the run."""

    def keep(situation, client, front, verdict):
        values = (situation, client.name, front, *verdict.figures())
        record_property("figures", list(map(str, values)))

    return keep


def pytest_terminal_summary(terminalreporter):
    rows = [value for reports in terminalreporter.stats.values() for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == "figures" and report.when == "call"]
    if not rows:
        return
    terminalreporter.write_sep("=", "what each client lost, in items")
    widths = [max(map(len, column)) for column in zip(FIGURES, *rows)]
    for row in (FIGURES, *sorted(rows)):
        cells = (cell.ljust(width) for cell, width in zip(row, widths))
        terminalreporter.write_line("  ".join(cells))
