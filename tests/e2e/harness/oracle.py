"""Oracle: what was acknowledged must be somewhere. By identity; shares no code with gapless."""

from collections import Counter
from dataclasses import dataclass

from harness.wait import wait_until


@dataclass(frozen=True)
class Verdict:
    lost: frozenset
    duplicates: int  # deliveries beyond the first, over all backends

    def __str__(self):
        return f"lost {len(self.lost)}, duplicates {self.duplicates}"


def judge(acked, *backends):
    counts = Counter()
    for backend in backends:
        counts.update(backend.ids())
    lost = frozenset(number for number in acked if number not in counts)
    return Verdict(lost, sum(count - 1 for count in counts.values()))


def nothing_lost(acked, *backends, timeout=15):
    """Waits until every acknowledged item has arrived somewhere; the verdict."""
    acked = set(acked)
    assert acked, "the load acknowledged nothing, so this test would prove nothing"
    wait_until(lambda: not judge(acked, *backends).lost, timeout,
               lambda: f"delivery of {len(judge(acked, *backends).lost)} acknowledged items")
    return judge(acked, *backends)


def conserved(collector):
    """accepted = delivered + pending + dropped + filtered, for every journal, in all units."""
    def ledger():
        metrics = collector.metrics()
        return metrics if any(name.startswith("gapless_journal_") for name, _ in metrics) else None

    # Gauges are published about once a second.
    metrics = wait_until(ledger, 5, "a journal that exports its ledger")
    journals = {labels for name, labels in metrics if name == "gapless_journal_accepted_items"}
    for unit in ("items", "requests", "bytes"):
        for labels in journals:
            def term(which, unit=unit, labels=labels):
                name = f"gapless_journal_{which}_{unit}"
                return sum(value for (found, pairs), value in metrics.items()
                           if found == name and labels <= pairs)

            right = sum(term(which) for which in ("delivered", "pending", "dropped", "filtered"))
            assert term("accepted") == right, f"{sorted(labels)}: {unit} do not add up"
