"""Nothing is wrong: everything arrives once, with every backend, merged or not."""

import pytest

from real.case import pause
from real.kinds import NAMES


@pytest.mark.parametrize("merged", ("batch", "no-batch"))
@pytest.mark.parametrize("kind", NAMES)
def test_everything_arrives_once(case, kind, merged):
    store = case.store(kind, bare=True)
    config = case.config(kind).direct()
    case.run(config if merged == "batch" else config.without_batch())
    with case.load(items=60) as load:
        pause(6)
    result = case.nothing_missing(load)
    assert result.twice == 0 and result.refused == 0
    assert set(store.stored().values()) == {1}
    assert store.tap.acknowledged().keys() == load.acked


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.ours
def test_with_a_second_level_everything_is_on_the_first(case, kind):
    first, second = case.store(kind), case.store(kind)
    case.run(case.config(kind))
    with case.load(items=60) as load:
        pause(6)
    result = case.nothing_missing(load)
    assert first.stored().keys() == load.acked
    assert result.on_both == 0 and not second.stored()


@pytest.mark.parametrize("kind", ("prometheus", "cortex"))
def test_json_is_taken_where_the_backend_reads_it(case, kind):
    case.store(kind, bare=True)
    case.run(case.config(kind).direct().exporter(encoding="json"))
    with case.load(items=60) as load:
        pause(4)
    case.nothing_missing(load)


def test_traces_arrive_over_http_too(case):
    store = case.store("jaeger", protocol="http")
    config = case.config("jaeger").direct().over_http(store)
    case.run(config)
    with case.load(items=60) as load:
        pause(4)
    case.nothing_missing(load)
