"""Text that an SDK cuts inside a character: the rest is stored, the half becomes U+FFFD."""

import programs
import pytest
from content import difference, items

from harness.configs import pass_through
from harness.wait import wait_until

JAVASCRIPT = [client for client in programs.CLIENTS if client.sdk == "js"]
COUNT = 20
CUT = "abcd\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("client", JAVASCRIPT, indirect=True, ids=lambda client: client.name)
def test_text_that_the_length_limit_cuts_in_half_arrives(make_backend, make_front, start, client):
    protocol = "grpc" if client.grpc else "http"
    direct = make_backend("direct", protocol=protocol, keep_bodies=True)
    behind = make_backend("behind", keep_bodies=True)
    collector = make_front("gapless", pass_through(behind))
    run = start(client, collector, mode="cut", control=direct.endpoint, count=COUNT,
                signals=("traces", "logs"))
    report = run.report()
    assert report.failures == [] and report.errors == [], report.words
    expected = items(direct)
    assert sum(CUT in item[-1] for item in expected.elements()) == 2 * COUNT, expected
    wait_until(lambda: items(behind) == expected, 10, lambda: difference(expected, items(behind)))
