"""The configuration is wrong, and the backend says so: 400, 401, 404 or 415. Nothing is lost."""

from dataclasses import dataclass

import pytest

from harness.wait import wait_until
from real.case import pause
from real.collectors import wait_for_backfill


@dataclass(frozen=True)
class Mistake:
    """change(config): the mistake, made in the first exporter. words: what the backend says."""

    kind: str
    change: object
    words: str = ""


MISTAKES = {
    "prometheus-path": Mistake("prometheus", lambda config: config.path("/api/otlp"), "404"),
    "prometheus-zstd": Mistake("prometheus", lambda config: config.exporter(compression="zstd"),
                               "unsupported compression"),
    "victoriametrics-path": Mistake("victoriametrics", lambda config: config.path("/otlp"),
                                    "unsupported path"),
    "victoriametrics-json": Mistake("victoriametrics",
                                    lambda config: config.exporter(encoding="json"),
                                    "json encoding isn't supported"),
    "victoriametrics-lz4": Mistake("victoriametrics",
                                   lambda config: config.exporter(compression="lz4"), "lz4"),
    "victorialogs-path": Mistake("victorialogs", lambda config: config.path("/insert/otlp"),
                                 "unsupported path"),
    "victorialogs-json": Mistake("victorialogs", lambda config: config.exporter(encoding="json"),
                                 "json encoding isn't supported"),
    "victorialogs-zlib": Mistake("victorialogs",
                                 lambda config: config.exporter(compression="zlib"), "zlib"),
    "cortex-path": Mistake("cortex", lambda config: config.path("/otlp"), "404"),
    "cortex-no-tenant": Mistake("cortex", lambda config: config.exporter(headers={}),
                                "no org id"),
    "cortex-zstd": Mistake("cortex", lambda config: config.exporter(compression="zstd"),
                           "unsupported compression"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_with_one_exporter_everything_waits_until_the_mistake_is_mended(case, mistake):
    wrong = MISTAKES[mistake]
    case.store(wrong.kind)
    right = case.config(wrong.kind).direct()
    collector = case.run(wrong.change(right))
    with case.load() as load:
        pause(6)
        told = wrong.words.lower() in collector.log.lower()
        collector.reconfigure(right)
        pause(2)
    case.note(words_in_the_log=told)
    case.nothing_missing(load)
    assert told, f"the log does not say {wrong.words!r}"


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.ours
def test_with_failover_the_second_gets_everything_and_the_first_is_owed_it(case, mistake):
    wrong = MISTAKES[mistake]
    first, second = case.store(wrong.kind), case.store(wrong.kind)
    right = case.config(wrong.kind)
    collector = case.run(wrong.change(right))
    with case.load() as load:
        pause(6)
        # What was acknowledged a moment ago may still be on its way.
        wait_until(lambda: load.acked - load.acked_within(2) <= second.stored().keys(), 20,
                   "everything on the second")
        level = collector.levels()[0]
        collector.reconfigure(right)
        pause(2)
    case.nothing_missing(load)
    assert level["state"] != "healthy" and level["delivered_items"] == 0
    assert wrong.words.lower() in level["last_error"].lower(), f"the status says {level}"
    wait_for_backfill(collector)
    missing = load.acked - first.stored().keys()
    case.note(missing_on_a=len(missing))
    assert not missing, f"the first lacks {len(missing)} items after the backfill"

