"""Whatever an SDK can put into an item arrives as it was."""

import pytest
from content import difference, items

from harness.configs import pass_through
from harness.wait import wait_until

COUNT = 60


@pytest.mark.parametrize("compression", ("none", "gzip"))
def test_what_arrives_is_what_the_sdk_sends_without_gapless(
        make_backend, make_front, start, client, compression):
    protocol = "grpc" if client.grpc else "http"
    direct = make_backend("direct", protocol=protocol, keep_bodies=True)
    behind = make_backend("behind", keep_bodies=True)
    collector = make_front("gapless", pass_through(behind))
    run = start(client, collector, mode="content", control=direct.endpoint, count=COUNT,
                compression=compression)
    report = run.report()
    assert report.failures == [] and report.errors == [], report.words
    expected = items(direct)
    signals = {item[0] for item in expected}
    assert signals == set(client.signals) and expected.total() > COUNT * len(signals)
    wait_until(lambda: items(behind) == expected, 10, lambda: difference(expected, items(behind)))
