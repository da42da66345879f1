"""What a backend says about an error is shown, whatever it says it in, and harmless."""

import gzip
import json

import pytest
import yaml

from harness.configs import failover
from harness.wait import wait_until
from harness.web_backend import WebBackend

SAYINGS = {
    "text": ("the storage is\r\nin read-only mode\x1b[31m", "text/plain; charset=utf-8", {}),
    "html": ("<html><head><title>503</title></head><body>the storage is in <b>read-only</b> mode"
             "</body></html>", "text/html", {}),
    "json": (json.dumps({"detail": [{"msg": "the storage is in read-only mode"}]}),
             "application/json", {}),
    "gzip": (gzip.compress(b"the storage is in read-only mode"), "text/plain",
             {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("form", SAYINGS)
def test_the_words_of_a_backend_stand_in_the_log(
        make_backend, make_collector, client_of, form):
    words, kind, headers = SAYINGS[form]
    primary = WebBackend(lambda request: (500, words, kind), headers=headers)
    secondary = make_backend("secondary")
    config = yaml.safe_load(failover(primary, secondary, signals=("logs",)))
    collector = make_collector(yaml.safe_dump(config))
    client = client_of(collector)
    wait_until(lambda: client.send("logs") and secondary.received, 10, "the switch")
    wait_until(lambda: collector.lines_with("responded with HTTP Status Code 500, Message=the "
                                            "storage is in read-only mode"), 5, "the words")
    assert "\x1b" not in collector.log_tail(1000)
    primary.close()


def test_a_condition_on_the_words_of_the_body_has_its_effect(
        make_backend, make_collector, client_of):
    words = ["something else"]
    primary = WebBackend(lambda request: (500, f'{{"error": "{words[0]}"}}', "application/json"))
    secondary = make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("logs",), connector={
        "condition": {"error": {"contains": "quota"}}}))
    client = client_of(collector)
    for _ in range(5):
        client.send("logs")
    wait_until(lambda: len(primary.requests) > 5, 10, "attempts at the primary")
    assert secondary.received == []
    words[0] = "the daily QUOTA is used up"
    wait_until(lambda: client.send("logs") and secondary.received, 15, "the switch")
    primary.close()


def test_a_success_with_an_answer_that_cannot_be_read_is_final(
        make_backend, make_collector, client_of):
    """It used to be sent again without end."""
    primary = WebBackend(lambda request: (200, "OK", "application/json"))
    secondary = make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("logs",)))
    client = client_of(collector)
    for count in range(1, 4):
        client.send("logs")
        wait_until(lambda: len(primary.requests) >= count, 5, "the request")
    wait_until(lambda: collector.lines_with("cannot be read"), 5, "the warning")
    wait_until(lambda: collector.metric("otelcol_exporter_sent_log_records") == 3, 5, "the count")
    assert len(primary.requests) == 3 and secondary.received == []
    primary.close()
