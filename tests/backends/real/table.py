"""The results of gapless and of the peer: lines in build/backends/results-*.jsonl, results.md."""

import json
from pathlib import Path

from harness.collector import ROOT

FOLDER = ROOT / "build" / "backends"
WHO = ("gapless", "collector")


def _file(who) -> Path:
    return FOLDER / f"results-{who}.jsonl"


def note(who, line):
    """Appends one result; the last one of a test counts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _file(who).open("a") as file:
        file.write(json.dumps(line) + "\n")


def latest(who):
    """(file, test) -> its last result."""
    if not _file(who).exists():
        return {}
    lines = map(json.loads, _file(who).read_text().splitlines())
    return {(line["file"], line["test"]): line for line in lines}


def _items(count, words):
    return [f"{count:,} {words}"] if count else []


def _cell(line):
    """What a reader wants to know of one run."""
    if line is None:
        return "-"
    account = line["account"] or {}
    parts = [] if line["passed"] else ["FAILED"]
    if account:
        parts.append(f"{account['lost']:,} of {account['acknowledged']:,} lost")
        parts += _items(account["lost_by_backend"], "lost by the backend")
        parts += _items(account.get("lost_while_ending"), "lost by the backend as it ended")
        parts += _items(account["pending"], "kept")
        parts += _items(account["twice"], "sent twice")
        parts += _items(account["on_both"], "on both")
        parts += _items(account["refused"], "requests refused")
    parts += [f"{name.replace('_', ' ')} {value}" for name, value in line["notes"].items()]
    return ", ".join(parts) or "passed"


def write():
    """One row per case, from what was run last by each."""
    results = {who: latest(who) for who in WHO}
    cases = sorted(set().union(*results.values()))
    if not cases:
        return
    text = ["| case | gapless | stock Collector |", "|---|---|---|"]
    for case in cases:
        cells = [_cell(results[who].get(case)) for who in WHO]
        text.append("| " + " | ".join([case[1].removeprefix("test_"), *cells]) + " |")
    (FOLDER / "results.md").write_text("\n".join(text) + "\n")
