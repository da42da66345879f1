"""File descriptors: more idle clients than the process may have descriptors."""

import resource
import socket
import subprocess

import pytest
import requests
import yaml

from harness.configs import failover
from harness.loopback import loopback_address
from harness.wait import wait_until

IDLE = 1100


@pytest.fixture
def limited(make_backend, make_collector):
    """A collector whose limit of descriptors is set, hard and soft, while it runs."""
    backends = make_backend("primary"), make_backend("secondary")

    def make(soft, hard=None):
        host = loopback_address()
        config = yaml.safe_load(failover(*backends, signals=("traces",)))
        config["extensions"] = {"health_check": {"endpoint": f"{host}:13133"}}
        config["service"]["extensions"] = ["health_check"]
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
        try:
            if hard is None:
                collector = make_collector(yaml.safe_dump(config), host=host)
            else:
                collector = make_collector(yaml.safe_dump(config), host=host,
                                           prefix=["prlimit", f"--nofile={soft}:{hard}"])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        return (*backends, collector)
    return make


def hold(endpoint, count):
    host, port = endpoint.rsplit(":", 1)
    return [socket.create_connection((host, int(port)), timeout=10) for _ in range(count)]


def served(collector, primary, secondary, client_of):
    """A new client, the pages, and the primary."""
    health = requests.get(f"http://{collector.host}:13133/", timeout=5)
    assert health.status_code == 200
    client = client_of(collector)
    for _ in range(20):
        primary.wait_for_ids(client.send("traces"), timeout=10)
    (found,) = collector.ask_admin("GET", "/failover/status").json()["connectors"]
    assert found["active_level"] == 0
    assert "down" not in [level["state"] for level in found["levels"]]
    assert not secondary.ids()


def test_more_idle_clients_than_the_soft_limit_of_descriptors(limited, client_of):
    primary, secondary, collector = limited(1024)
    with open(f"/proc/{collector.process.pid}/limits", encoding="ascii") as limits:
        (line,) = [line for line in limits if line.startswith("Max open files")]
    assert line.split()[3] == line.split()[4]
    held = hold(collector.grpc, IDLE)
    served(collector, primary, secondary, client_of)
    assert len(held) == IDLE


def test_more_idle_clients_than_the_hard_limit_of_descriptors(limited, client_of):
    """The idle ones give way; dialling and the pages have descriptors of their own."""
    primary, secondary, collector = limited(1024, 1024)
    held = hold(collector.grpc, IDLE) + hold(f"{collector.host}:13133", 100)
    served(collector, primary, secondary, client_of)
    assert len(held) == IDLE + 100
    full = "as many connections as there may be"
    wait_until(lambda: collector.lines_with(full), 5, "the log line")
    assert len(collector.lines_with(full)) == 1
    opened = subprocess.run(["ls", f"/proc/{collector.process.pid}/fd"], capture_output=True,
                            text=True, check=True).stdout.split()
    assert len(opened) < 1000


def test_a_backend_is_not_blamed_while_the_process_has_no_descriptors(limited, client_of):
    primary, secondary, collector = limited(1024, 1024)
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces"))
    pid = collector.process.pid
    subprocess.run(["prlimit", "--nofile=3:1024", "--pid", str(pid)], check=True)
    primary.kill()
    primary.start()
    ids = client.send("traces")
    wait_until(lambda: collector.lines_with("Destinations cannot be dialled"), 20, "the log line")
    subprocess.run(["prlimit", "--nofile=1024:1024", "--pid", str(pid)], check=True)
    primary.wait_for_ids(ids, timeout=10)
    assert not collector.lines_with("level", "down")
    assert not secondary.ids()
