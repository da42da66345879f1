"""What docs/guides/clients.md says that each client loses; the tests hold gapless to it."""

from collections import Counter
from pathlib import Path

from runs import judge, judge_peer

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "clients.md"
JUDGES = {"gapless": judge, "stock": judge_peer}

# A cell of the table: how many exports of one signal may fail.
LIMITS = {"nothing": 0, "one batch": 1, "what it sends meanwhile": None}


def _cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def table(head="| client |"):
    """{client: {situation: cell}} of the guide's table with that first column."""
    lines = iter(GUIDE.read_text().splitlines())
    names = next(line for line in lines if line.startswith(head))
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            break
        if not line.startswith("|---"):
            cells = _cells(line)
            rows[cells[0]] = dict(zip(_cells(names), cells))
    return rows


def meets(verdict, situation, client, front):
    """Fails where gapless loses more than the guide says; a peer is only looked at."""
    if front != "gapless":
        return
    report = verdict.report
    cell = table()[client.name][situation]
    assert cell in LIMITS, f"{cell!r} is none of {list(LIMITS)}"
    assert verdict.twice == 0, f"{verdict.twice} items are there twice"
    stray = report.failed & verdict.arrived.keys()
    assert not stray, f"{len(stray)} items are there although their client gave them up"
    failures = Counter(export.signal for export in report.failures)
    if LIMITS[cell] is not None:
        assert all(count <= LIMITS[cell] for count in failures.values()), (
            f"the guide says {cell!r}, but {dict(failures)} exports failed\n{report.words}")


# How an SDK says that a connection was taken, and then cut without an answer.
CUT_OFF = ("connection reset", "reset by peer", "ECONNRESET", "socket hang up", "EOF")


def everybody_was_answered(report):
    """While a process ends, connections are refused or answered, never cut off."""
    cut = [line for line in report.words.splitlines() if any(word in line for word in CUT_OFF)]
    assert not cut, "\n".join(cut)
