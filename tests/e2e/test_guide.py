"""The guide to the letter: its configs, host names, TLS, queue and retry settings, iptables rule.

Only what it leaves out is added (guide/rest.yaml). Where this machine refuses namespaces or
iptables, loopback addresses stand in for the host names and a stopped peer for the firewall.
"""

import subprocess
from pathlib import Path

import pytest

from harness import story
from harness.collector import SLOWNESS
from harness.load import Load
from harness.namespace import in_namespace, inside
from harness.oracle import conserved, nothing_lost
from harness.wait import wait_until
from test_switch import BLACK_HOLE_SECONDS, REFUSED_SECONDS, first_at, settle

PRIMARY, SECONDARY = "primary-backend.example.com", "secondary-backend.example.com"
HOSTS = {PRIMARY: "127.11.0.1", SECONDARY: "127.11.0.2"}
GUIDE = Path(__file__).parent / "guide"
RETRY_INTERVAL = 30
FIREWALL = ["OUTPUT", "-d", PRIMARY, "-j", "DROP"]


@pytest.fixture
def world(make_backend, make_collector, authority):
    """(start, primary, secondary): start(config name) runs the guide's collector."""

    def backend(name, host):
        if inside():
            tls = authority.server(host)
            return make_backend(name, host=HOSTS[host], port=4317, tls=tls)
        from harness.loopback import loopback_address
        address = loopback_address()
        return make_backend(name, host=address, tls=authority.server(address))

    primary, secondary = backend("primary", PRIMARY), backend("secondary", SECONDARY)

    def start(name):
        files = ("collector-config.yaml", name, "rest.yaml")
        texts = [(GUIDE / file).read_text() for file in files]
        env = {"SSL_CERT_FILE": str(authority.ca)}
        if inside():
            return make_collector(*texts, env=env, bare=True, host="127.0.0.1")
        # rest.yaml first: the base config of the harness gives the receiver its own address.
        moved = [text.replace(f"{PRIMARY}:4317", primary.endpoint)
                 .replace(f"{SECONDARY}:4317", secondary.endpoint) for text in texts[:2]]
        return make_collector("processors: {batch: }\n", *moved, env=env)

    return start, primary, secondary


def iptables(action):
    subprocess.run(["iptables", action, *FIREWALL], check=True)


def block(primary, way):
    """Takes the primary away; the moment. A black hole is the guide's own command if possible."""
    if way == "refused":
        return primary.kill()
    if inside():
        import time
        now = time.monotonic()
        iptables("-A")
        return now
    return primary.blackhole()


def unblock(primary, way):
    if way == "refused":
        return primary.start()
    if inside():
        import time
        iptables("-D")
        return time.monotonic()
    return primary.unblackhole()


@pytest.mark.parametrize("way, limit", (("refused", REFUSED_SECONDS),
                                        ("black hole", BLACK_HOLE_SECONDS)))
@in_namespace(HOSTS)
def test_the_failover_config_of_the_guide_does_what_its_prose_promises(
        request, world, way, limit):
    start, primary, secondary = world
    collector = start("failover-config.yaml")
    signals = ("traces", "metrics")
    with Load(collector.grpc, signals, connections=4, rate=60) as load:
        settle(load, primary, 5)
        blocked = block(primary, way)
        for signal in signals:
            # The guide's batch processor holds data for 200 ms.
            first_at(secondary, blocked, signal, (limit + 0.2) * SLOWNESS)
        nothing_lost(load.acked, primary, secondary)
        restored = unblock(primary, way)
        for signal in signals:
            first_at(primary, restored, signal, RETRY_INTERVAL + 2, load)
        wait_until(lambda: len(collector.lines_with("failback complete")) == 2, 15,
                   "both failbacks")
    print(nothing_lost(load.acked, primary, secondary))
    assert load.refused == []
    for signal in signals:
        for line in story.check(collector, signal, f"failover/{signal}"):
            print(line.raw)
    conserved(collector)
    assert collector.stop() == 0


@in_namespace(HOSTS)
def test_the_fan_out_config_of_the_guide_leaves_a_complete_copy_at_the_secondary(request, world):
    start, primary, secondary = world
    collector = start("fan-out-config.yaml")
    with Load(collector.grpc, ("traces", "metrics", "logs"), connections=3, rate=60) as load:
        settle(load, primary, 5)
        primary.kill()
        before = len(secondary.received)
        wait_until(lambda: len(secondary.received) > before + 10, 10, "the secondary to go on")
    nothing_lost(load.acked, secondary)
    primary.start()
    # Its own queue and retry settings bring the primary what it missed.
    nothing_lost(load.acked, primary, timeout=45)
    assert load.refused == []
    conserved(collector)
    assert collector.stop() == 0


@in_namespace(HOSTS)
def test_the_storage_that_the_guide_forgot_to_declare_is_accepted_with_a_warning(request, world):
    start, _, _ = world
    collector = start("failover-config.yaml")
    warnings = [line for line in collector.log_lines()
                if line.level == "warn" and "file_storage/primary_queue" in line.raw]
    assert warnings, collector.log
    assert collector.stop() == 0
