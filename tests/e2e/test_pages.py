"""Pages and APIs without a password: what a web page in a browser may not do; paths of probes."""

import pytest
import requests
import yaml

from harness.configs import failover
from harness.loopback import loopback_address
from harness.raw import ask
from harness.wait import wait_until

PORTS = {"health_check": 13133, "zpages": 55679, "pprof": 1777}
PAGES = {"/status": 13134, "/debug/servicez": 55679, "/debug/pprof/": 1777, "/": 13133,
         "/metrics": 8888}
FOREIGN = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
           {"Origin": "https://evil.example"}, {"Origin": "null"},
           {"Referer": "https://evil.example/page"})
DRAIN = "/failover/drain?connector=failover/traces&level=0"
MEANT = {"X-Gapless-Request": "1"}


def with_pages(primary, secondary, host, **settings):
    config = yaml.safe_load(failover(primary, secondary, signals=("traces",)))
    config["extensions"] = {name: {"endpoint": f"{host}:{port}", **settings.get(name, {})}
                            for name, port in PORTS.items()}
    config["service"]["extensions"] = list(PORTS)
    return yaml.safe_dump(config)


@pytest.fixture
def make_pages(make_backend, make_collector):
    backends = make_backend("primary"), make_backend("secondary")

    def make(**settings):
        host = loopback_address()
        return make_collector(with_pages(*backends, host, **settings), host=host)
    return make


def get(collector, path, headers=None, method="GET"):
    return requests.request(method, f"http://{collector.host}:{PAGES[path]}{path}", timeout=5,
                            headers=headers, allow_redirects=False)


def drained(collector):
    (found,) = collector.ask_admin("GET", "/failover/status").json()["connectors"]
    return found["levels"][0]["operator"] == "drained"


def test_a_web_page_whose_name_was_made_to_mean_the_loopback_learns_nothing(make_pages):
    collector = make_pages(zpages={"allowed_hosts": ["pages.example"]})
    for path, port in PAGES.items():
        for name in (collector.host, "localhost", "127.0.0.1", "[::1]"):
            assert get(collector, path, {"Host": f"{name}:{port}"}).status_code == 200, (path, name)
        for name in ("evil.example", "localhost.evil.example", "192.0.2.1"):
            answer = get(collector, path, {"Host": f"{name}:{port}"})
            assert answer.status_code == 403, (path, name)
            assert "allowed_hosts" in answer.text and name in answer.text
    assert get(collector, "/debug/servicez", {"Host": "pages.example"}).status_code == 200
    evil = {"Host": "evil.example", **MEANT}
    answer = requests.post(f"http://{collector.admin}{DRAIN}", headers=evil, timeout=5)
    assert answer.status_code == 403
    raw = ask(collector.admin, b"GET http://evil.example/status HTTP/1.1\r\n"
                               b"Host: localhost\r\nConnection: close\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 403 ")
    assert not drained(collector)


def test_a_page_of_another_site_can_neither_read_nor_operate(make_pages):
    collector = make_pages()
    for foreign in FOREIGN:
        for path in PAGES:
            assert get(collector, path, foreign).status_code == 403, (path, foreign)
        answer = requests.post(f"http://{collector.admin}{DRAIN}", headers={**foreign, **MEANT},
                               timeout=5)
        assert answer.status_code == 403, foreign
    assert get(collector, "/status", {"Sec-Fetch-Site": "none"}).status_code == 200
    assert not drained(collector)


def test_a_form_cannot_operate_the_failover(make_pages):
    collector = make_pages()
    url = f"http://{collector.admin}{DRAIN}"
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain"):
        answer = requests.post(url, data=b"a=b", headers={"Content-Type": kind}, timeout=5)
        assert answer.status_code == 403
        assert "X-Gapless-Request" in answer.text
    assert not drained(collector)
    assert requests.post(url, headers=MEANT, timeout=5).status_code == 200
    assert drained(collector)


def test_what_others_scrape_answers_under_the_name_of_a_service(make_pages):
    """Bound to every address, as in a container: Prometheus and kubelets come by names and IPs."""
    collector = make_pages()
    config = {"service": {"admin": {"endpoint": "0.0.0.0:0"}, "telemetry": {"metrics": {"readers": [
        {"pull": {"exporter": {"prometheus": {"host": "0.0.0.0", "port": 0}}}}]}}},
        "extensions": {"health_check": {"endpoint": "0.0.0.0:0"}}}
    collector.write_config("config0", yaml.safe_dump(
        merge(yaml.safe_load((collector.folder / "config0.yaml").read_text()), config)))
    collector.write_config("base", yaml.safe_dump(merge(collector.base(), config)))
    collector.reload()
    admin = port_of(collector, "Serving the admin API")
    for text in ("Serving metrics", "Starting health_check extension"):
        port = port_of(collector, text)
        path = "/metrics" if "metrics" in text else "/"
        for name in ("gapless.monitoring.svc.cluster.local:8888", "10.1.2.3:8888"):
            answer = requests.get(f"http://127.0.0.1:{port}{path}", headers={"Host": name},
                                  timeout=5)
            assert answer.status_code == 200, (text, name)
    url = f"http://127.0.0.1:{admin}/status"
    assert requests.get(url, headers={"Host": "10.1.2.3:13134"}, timeout=5).status_code == 200
    assert requests.get(url, headers={"Host": "gapless.svc"}, timeout=5).status_code == 403


def merge(old, new):
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merge(old.get(key), value) for key, value in new.items()}}


def port_of(collector, text):
    """The port in the last line with that text, once it is bound to every address."""
    found = []

    def told():
        lines = [line for line in collector.log.splitlines() if text in line and "0.0.0.0:" in line]
        found[:] = lines[-1:]
        return lines
    wait_until(told, 10, text)
    return int(found[0].split("0.0.0.0:")[1].split('"')[0])


def test_a_probe_below_the_path_of_health_check_is_answered(make_pages):
    collector = make_pages()
    base = f"http://{collector.host}:13133"
    for path in ("/", "/health", "/healthz", "/health/status", "/a//b", "/ready?verbose"):
        assert requests.get(base + path, timeout=5).status_code == 200, path


@pytest.mark.parametrize("path,probes", [
    ("/health/", {"/health/live": 200, "/health/": 200, "/health": 307, "/healthz": 404, "/": 404}),
    ("/health", {"/health": 200, "/health/": 404, "/health?x": 200, "//health": 307, "/": 404}),
])
def test_a_path_that_ends_with_a_slash_is_a_tree(make_pages, path, probes):
    collector = make_pages(health_check={"path": path})
    for probe, status in probes.items():
        answer = requests.get(f"http://{collector.host}:13133{probe}", timeout=5,
                              allow_redirects=False)
        assert answer.status_code == status, probe


def test_pages_of_the_extensions_have_the_paths_of_go(make_pages):
    collector = make_pages()
    for port, path, place in ((1777, "/debug/pprof", "/debug/pprof/"),
                              (1777, "//debug//pprof/", "/debug/pprof/"),
                              (55679, "/debug//servicez", "/debug/servicez"),
                              (55679, "/x/../debug/pipelinez?a=b", "/debug/pipelinez?a=b"),
                              (8888, "//metrics", "/metrics")):
        raw = ask(f"{collector.host}:{port}", f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                                              "Connection: close\r\n\r\n".encode())
        assert raw.startswith(b"HTTP/1.1 307 "), raw
        assert f"\r\nlocation: {place}\r\n".encode() in raw.lower()
