"""What the tests about order share: configurations, a load of several resources, ways for a backend
to be away, and the verdict."""

import yaml

from harness.collector import SLOWNESS
from harness.configs import failover, pass_through
from harness.load import Load
from harness.oracle import conserved, nothing_lost
from harness.real_answers import text
from harness.wait import wait_until

METRICS = ("metrics",)
# Requests that are there together pass each other.
DELAYS = (0.06, 0.005, 0.04, 0.002, 0.02)
RETRY = {"retry_on_failure": {"initial_interval": "300ms", "max_interval": "1s"}}
BATCH = {"batch": {"timeout": "200ms"}}
BUSY = text(503, "Service Unavailable")


def only(backend, batch, signals=METRICS, **settings):
    """receiver -> [batch] -> exporter."""
    config = yaml.safe_load(pass_through(backend, signals, ("batch",) if batch else (),
                                         **{**RETRY, **settings}))
    if batch:
        config["processors"] = BATCH
    return yaml.safe_dump(config)


def levels(*backends, batch=False, signals=METRICS, **connector):
    return failover(*backends, signals=signals, processors=BATCH if batch else None,
                    connector=connector, exporters=RETRY)


def load_of(collector, signals=METRICS, connections=4, rate=20, items=20):
    """As a few applications send: each a resource, each item a series of its own."""
    return Load(collector.grpc, signals, connections=connections, rate=rate, items=items,
                instances=True)


def settled(backend, count=8):
    begin = len(backend.answers)
    wait_until(lambda: len(backend.answers) >= begin + count, 15 * SLOWNESS,
               f"{count} answers of {backend.name}")


def in_order(load, *backends, refused=0):
    """Everything acknowledged is stored somewhere, and no backend saw anything out of order."""
    verdict = nothing_lost(load.acked, *backends, timeout=20 * SLOWNESS)
    for backend in backends:
        kept = [answer for answer in backend.answers if answer.status == 400]
        assert len(kept) <= refused, f"{backend.name} refused {len(kept)} requests:\n" + "\n".join(
            map(str, kept[:20]))
        assert not backend.unstored(), "acknowledged by the backend, and not stored: a race"
        pairs = backend.overlaps()
        assert not pairs, f"{len(pairs)} times one resource in flight twice, first {pairs[0]}"
    return verdict


def nothing_dropped(collector):
    conserved(collector)
    assert collector.metric("gapless_journal_dropped_items") == 0


# Ways for a backend to be away: what to do, and what to undo it with.

def refused(backend):
    return backend.close, backend.open


def frozen(backend):
    return backend.freeze, backend.thaw


def unavailable(backend):
    return (lambda: backend.behave(delays=DELAYS, refuse_data=BUSY),
            lambda: backend.behave(delays=DELAYS))


WAYS = {"refused": refused, "frozen": frozen, "answering 503": unavailable}
