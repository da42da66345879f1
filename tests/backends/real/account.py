"""The account of a case: where every acknowledged item is, and who lost it if nobody has it.

By identity, from what the backends' own query APIs say; the taps tell what a backend acknowledged
and does not have from what never reached one.
"""

import time
from collections import Counter
from dataclasses import asdict, dataclass

QUIET_SECONDS = 6
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Account:
    """All in items. twice: acknowledged again by a backend that had acknowledged it before."""

    acknowledged: int
    stored: dict  # label -> items
    on_both: int
    twice: int
    lost: int  # nobody has it, and no backend ever acknowledged it
    lost_by_backend: int  # a backend acknowledged it, and nobody has it
    lost_while_ending: int  # the same, but it had been told to end before it acknowledged
    pending: int  # of what is missing, still in the queue
    refused: int  # requests that the clients had to send again

    def __str__(self):
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


def account(load, stores, pending=0):
    acked = load.acked
    held = {store.label: store.holds() for store in stores}
    taken = {store.label: store.tap.acknowledged() for store in stores}
    copies = Counter()
    for counts in held.values():
        copies.update(set(counts))
    missing = acked - copies.keys()
    by_backend = {number for number in missing if any(counts[number] for counts in taken.values())}
    ending = by_backend & {number for store in stores for number in store.taken_while_ending()}
    lost = len(missing) - len(by_backend)
    return Account(
        acknowledged=len(acked), stored={label: len(counts) for label, counts in held.items()},
        on_both=sum(times > 1 for times in copies.values()),
        twice=sum(times - 1 for counts in taken.values() for times in counts.values()),
        lost=lost - min(lost, pending), lost_by_backend=len(by_backend - ending),
        lost_while_ending=len(ending),
        pending=min(lost, pending), refused=load.refused)


def story_of_the_missing(load, store):
    """Lines: when the backend acknowledged items that nobody has, and what was done to it."""
    held, acked = store.holds(), load.acked
    lines = list(store.events)
    for answer in store.tap.answers:
        gone = [number for number in answer.ids if number in acked and number not in held]
        if gone and answer.ok:
            lines.append((answer.asked, f"request with {len(gone)} items that are missing, "
                          f"{answer.status} after {answer.at - answer.asked:.3f} s"))
    return [f"{store.label} {at:.3f} {what}" for at, what in sorted(lines)]


def settle(load, stores, collector, timeout=60):
    """Waits until everything acknowledged is stored, or nothing moves any more; the account."""
    deadline = time.monotonic() + timeout
    before, since = None, 0.0
    while True:
        pending = collector.pending()
        now = account(load, stores, pending)
        missing = now.lost + now.lost_by_backend + now.lost_while_ending + now.pending
        if missing == 0 or time.monotonic() > deadline:
            return now
        if now != before:
            before, since = now, time.monotonic()
        elif pending == 0 and time.monotonic() - since > QUIET_SECONDS:
            return now
        time.sleep(POLL_SECONDS)
