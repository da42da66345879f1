"""A backend is there and does not take what it gets: read-only, full, limited, slow, a bad item."""

import time

import grpc
import pytest

from harness.load import GrpcClient
from harness.wait import wait_until
from real.case import pause
from real.collectors import wait_for_backfill
from real.points import Clock, fresh, make_request

MIB = 1 << 20
# A level that only throttles is left after so long (docs/failover.md), and some for the machine.
THROTTLED_SECONDS = 30 + 5


def shaped(config, merged):
    return config if merged == "batch" else config.without_batch()


def taken_since(store, moment):
    """Whether the backend has acknowledged an item after the moment."""
    return any(answer.ok and answer.ids and answer.at > moment for answer in store.tap.answers)


def read_only_store(case, kind, **options):
    """(store, disk): a ballast file of 150 MiB makes it read-only, without it, it is writable."""
    disk = case.small_disk("300m")
    flags = [f"-storage.minFreeDiskSpaceBytes={200 * MIB}"]
    return case.store(kind, data=disk / "data", flags=flags, **options), disk


@pytest.mark.parametrize("merged", ("batch", "no-batch"))
@pytest.mark.parametrize("kind", ("victorialogs", "victoriametrics"))
@pytest.mark.ours
def test_a_read_only_backend_is_left_and_used_again_when_it_is_writable(case, kind, merged):
    first, disk = read_only_store(case, kind)
    second = case.store(kind)
    case.run(shaped(case.config(kind), merged))
    with case.load() as load:
        pause(3)
        ballast = case.ballast(disk, 150 * MIB)
        full = time.monotonic()
        wait_until(lambda: taken_since(second, full), THROTTLED_SECONDS, "a switch to the second")
        case.note(switch_seconds=round(time.monotonic() - full, 1))
        pause(3)
        ballast.unlink()
        free = time.monotonic()
        wait_until(lambda: taken_since(first, free), 30, "the first to be used again")
        case.note(back_seconds=round(time.monotonic() - free, 1))
        pause(3)
    case.nothing_missing(load)
    wait_for_backfill(case.collector)
    assert not load.acked - first.stored().keys(), "the first lacks items after the backfill"


@pytest.mark.parametrize("kind", ("victorialogs", "victoriametrics"))
def test_a_read_only_backend_alone_gets_everything_once_it_is_writable(case, kind):
    _, disk = read_only_store(case, kind, bare=True)
    case.run(case.config(kind).direct())
    with case.load() as load:
        pause(3)
        ballast = case.ballast(disk, 150 * MIB)
        pause(15)
        ballast.unlink()
        pause(3)
    case.nothing_missing(load, timeout=90)


@pytest.mark.parametrize("kind", ("victorialogs", "victoriametrics", "jaeger"))
@pytest.mark.ours
def test_a_full_disk_kills_the_first_and_nothing_is_missing(case, kind):
    disk = case.small_disk("64m")
    flags = ["-storage.minFreeDiskSpaceBytes=1"]
    first = case.store(kind, data=disk / "data", flags=flags)
    second = case.store(kind)
    case.run(case.config(kind))
    with case.load() as load:
        pause(4)
        filled = fill(disk)
        pause(12)
        died = not first.alive
        if not died:
            first.kill()
        else:
            first.tap.shut()
        pause(3)
        filled.unlink()
        first.start()
        pause(12)
    case.note(died=died)
    case.nothing_missing(load)
    assert second.stored(), "the second was never used"


def fill(disk):
    """A file that takes all the room there is."""
    file = disk / "ballast"
    with file.open("wb", buffering=0) as out:
        try:
            while out.write(bytes(64 * 1024)):
                pass
        except OSError:
            pass
    return file


def test_prometheus_on_a_full_disk_is_not_blamed_on_the_collector(case):
    """It answers 200 and stores nothing; the tap shows that it had the items."""
    disk = case.small_disk("64m")
    case.store("prometheus", bare=True, data=disk / "data")
    case.run(case.config("prometheus").direct())
    with case.load() as load:
        pause(3)
        filled = fill(disk)
        pause(5)
        filled.unlink()
        pause(5)
    result = case.nothing_lost(load)
    case.note(answered_200_and_not_stored=result.lost_by_backend)


# Limits. Cortex answers 429 without Retry-After to the whole request.


def used_share(store, limit):
    """How much of a rate the backend acknowledged, from its first answer to its last."""
    taken = [(answer.at, len(answer.ids)) for answer in store.tap.answers
             if answer.ok and answer.ids]
    span = taken[-1][0] - taken[0][0]
    return sum(count for _, count in taken[1:]) / span / limit


def limited(case, rate, burst, **more):
    return case.store("cortex", limits={"ingestion_rate": rate, "ingestion_burst_size": burst,
                                        "out_of_order_time_window": "1h", **more})


@pytest.mark.parametrize("burst", (600, 100))
def test_a_rate_limit_below_the_load_is_used_to_four_fifths(case, burst):
    store = limited(case, 300, burst)
    case.run(case.config("cortex").direct())
    with case.load() as load:  # 400 points per second
        pause(20)
    case.nothing_missing(load, timeout=60)
    share = used_share(store, 300)
    case.note(share_of_limit=round(share, 2))
    assert share >= 0.8, f"{share:.0%} of the limit was used"


@pytest.mark.parametrize("burst", (100, 25))
def test_a_small_limit_is_no_livelock(case, burst):
    """A request has 20 samples, and Cortex counts one more for its metadata."""
    store = limited(case, 50, burst)
    case.run(case.config("cortex").direct())
    with case.load(clients=2, rate=2) as load:  # 80 points per second
        pause(12)
    case.nothing_missing(load, timeout=60)
    case.note(share_of_limit=round(used_share(store, 50), 2))


@pytest.mark.ours
def test_the_second_helps_where_a_rate_limit_stays_below_the_load(case):
    first = limited(case, 100, 200)
    second = case.store("cortex")
    case.run(case.config("cortex").without_backfill())
    with case.load() as load:  # 400 points per second
        begin = time.monotonic()
        wait_until(lambda: taken_since(second, begin), 45, "help of the second")
        case.note(help_seconds=round(time.monotonic() - begin, 1))
        pause(15)
    result = case.nothing_missing(load, timeout=60)
    share = used_share(first, 100)
    case.note(share_of_limit=round(share, 2))
    assert result.refused == 0
    assert share >= 0.8, f"{share:.0%} of the limit was used"


def test_a_series_limit_costs_only_the_series_beyond_it(case):
    store = limited(case, 100_000, 100_000, max_series_per_user=60)
    case.run(case.config("cortex").direct())
    with case.load() as load:  # 80 series and those of target_info
        pause(8)
    result = case.settle(load)
    held = store.stored()
    series = {load.series[number] for number in held}
    due = {number for number in load.acked if load.series[number] in series}
    case.note(series_taken=len(series), series_lost=80 - len(series))
    assert series and not due - held.keys(), f"{len(due - held.keys())} good points: {result}"


@pytest.mark.ours
def test_what_a_series_limit_refuses_goes_to_the_second(case):
    limited(case, 100_000, 100_000, max_series_per_user=60)
    case.store("cortex")
    case.run(case.config("cortex").without_backfill())
    with case.load() as load:
        pause(8)
    case.nothing_missing(load)


@pytest.mark.parametrize("kind", ("prometheus", "cortex"))
def test_one_bad_sample_costs_no_good_one(case, kind):
    """A sample of next month is refused. Prometheus stores nothing of such a request."""
    store = case.store(kind, bare=True)
    collector = case.run(case.config(kind).direct())
    with case.load() as load, GrpcClient(collector.grpc) as client:
        pause(2)
        ids = fresh(51)
        request = make_request("metrics", "odd", ids, Clock().next())
        points = request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points
        points[25].time_unix_nano += 30 * 24 * 3600 * 10**9
        code, words, _ = client.export("metrics", request.SerializeToString())
        assert code is grpc.StatusCode.OK, words
        pause(3)
    case.nothing_missing(load)
    good = set(ids) - {ids[25]}
    wait_until(lambda: good <= store.stored().keys(), 20,
               lambda: f"{len(good - store.stored().keys())} of 50 good points")
    assert ids[25] not in store.stored()


@pytest.mark.ours
def test_a_slow_backend_is_not_taken_for_a_dead_one(case):
    case.store("victoriametrics", flags=["-maxIngestionRate=200"])
    second = case.store("victoriametrics")
    case.run(case.config("victoriametrics").without_backfill())
    with case.load(rate=3) as load:  # 240 points per second
        pause(25)
    result = case.nothing_missing(load, timeout=90)
    switches = case.collector.metric("otelcol_connector_failover_switches")
    case.note(switches=switches, on_second=len(second.stored()))
    assert switches == 0 and result.twice == 0
