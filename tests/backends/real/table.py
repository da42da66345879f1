"""The results of both: a line per case in build/backends/results-WHO.jsonl, and results.md."""

import json
from pathlib import Path

from harness.collector import ROOT

FOLDER = ROOT / "build" / "backends"
WHO = ("gapless", "collector")
COLUMNS = ("acknowledged", "lost", "lost_by_backend", "pending", "on_both", "twice", "refused")


def _file(who) -> Path:
    return FOLDER / f"results-{who}.jsonl"


def note(who, line):
    """Appends one result; the last one of a test counts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _file(who).open("a") as file:
        file.write(json.dumps(line) + "\n")


def latest(who):
    """test name -> its last result."""
    if not _file(who).exists():
        return {}
    lines = map(json.loads, _file(who).read_text().splitlines())
    return {(line["file"], line["test"]): line for line in lines}


def _cells(line):
    if line is None:
        return ["-"] * (len(COLUMNS) + 1)
    account = line["account"] or {}
    return ["passed" if line["passed"] else "FAILED", *(str(account.get(name, "-"))
                                                        for name in COLUMNS)]


def write():
    """One table per program, from what was run last."""
    text = []
    for who in WHO:
        results = latest(who)
        if results:
            text += [f"## {who}", "", "| case | result | " + " | ".join(COLUMNS) + " |",
                     "|---" * (len(COLUMNS) + 2) + "|"]
            text += ["| " + " | ".join([test, *_cells(results[file, test])]) + " |"
                     for file, test in sorted(results)]
            text.append("")
    if text:
        (FOLDER / "results.md").write_text("\n".join(text))
