"""Status pages: zpages and pprof, with what is true at the moment."""

import html
import re

import pytest
import requests
import yaml

from harness.configs import failover
from harness.loopback import loopback_address
from harness.wait import wait_until


def with_pages(backends, host_of):
    config = yaml.safe_load(failover(*backends, signals=("traces",)))
    config["extensions"] = {"zpages": {"endpoint": f"{host_of}:55679"},
                            "pprof": {"endpoint": f"{host_of}:1777"}}
    config["service"]["extensions"] = ["zpages", "pprof"]
    return yaml.safe_dump(config)


@pytest.fixture
def collector(make_backend, make_collector):
    host = loopback_address()
    backends = [make_backend("primary"), make_backend("secondary")]
    made = make_collector(with_pages(backends, host), host=host)
    made.backends = backends
    return made


def page(collector, name, port=55679):
    return requests.get(f"http://{collector.host}:{port}/debug/{name}", timeout=5)


def cells(text):
    """The rows of all tables, as lists of texts."""
    return [[html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", row)]
            for row in re.findall(r"<tr>(.*?)</tr>", text)]


def levels(collector):
    return {row[1]: row for row in cells(page(collector, "failoverz").text)
            if len(row) == 8 and row[0].isdigit()}


@pytest.mark.smoke
def test_every_page_answers(collector):
    for name in ("servicez", "pipelinez", "failoverz", "extensionz", "featurez", "tracez"):
        answer = page(collector, name)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert page(collector, "nothing").status_code == 404
    assert requests.post(f"http://{collector.host}:55679/debug/servicez", timeout=5,
                         data=b"x").status_code == 405


def test_the_pages_show_pipelines_and_extensions(collector):
    rows = cells(page(collector, "pipelinez").text)
    assert ["traces/ingress", "traces", "otlp", "", "failover/traces"] in rows
    assert ["zpages"] in cells(page(collector, "extensionz").text)
    assert "ready" in page(collector, "servicez").text


def test_the_failover_page_follows_a_switch(collector, client_of):
    client = client_of(collector)
    primary, secondary = collector.backends
    primary.wait_for_ids(client.send("traces", 3))
    wait_until(lambda: levels(collector)["otlp/primary"][6] == "3", 5, "three delivered items")
    assert levels(collector)["otlp/primary"][3] == "healthy"
    primary.kill()
    secondary.wait_for_ids(client.send("traces", 4))
    wait_until(lambda: levels(collector)["otlp/primary"][3] in ("down", "probing"), 5,
               "the primary is down")
    text = page(collector, "failoverz").text
    assert "<td>1 (otlp/secondary)</td>" in text
    assert levels(collector)["otlp/primary"][7], "why it is down"
    assert "on level 1 since" in page(collector, "servicez").text
    primary.start()
    wait_until(lambda: "<td>0 (otlp/primary)</td>" in page(collector, "failoverz").text, 15,
               "the primary is active again")


def test_a_page_shows_a_reload_at_once(collector):
    collector.configs[1].write_text(with_pages(collector.backends, collector.host).replace(
        "failover/traces", "failover/renamed"))
    collector.reload()
    collector.wait_for_log("reload complete")
    assert "failover/renamed" in page(collector, "failoverz").text


def test_pprof_says_how_to_profile(collector):
    index = page(collector, "pprof/", port=1777)
    assert index.status_code == 200
    assert f"perf record -g -p {collector.process.pid}" in index.text
    heap = page(collector, "pprof/heap", port=1777)
    assert heap.headers["Content-Type"] == "application/xml"
    assert "<malloc" in heap.text
    assert page(collector, "pprof/profile", port=1777).status_code == 501
