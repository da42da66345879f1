"""Restarts that no client notices: docs/guides/zero-loss-restart.md."""

import re
import threading

import pytest
import yaml

from harness.activation import listening
from harness.collector import ROOT, run_cli
from harness.configs import durable, pass_through
from harness.items import PATHS, make_body
from harness.load import HttpClient, Load
from harness.loopback import accepts, loopback_address
from harness.oracle import nothing_lost
from harness.raw import Insistent, dial, http_post, read_response
from harness.wait import wait_until

GUIDE = ROOT / "docs" / "guides" / "zero-loss-restart.md"


@pytest.fixture
def held_ports():
    """(host, [socket of 4317, socket of 4318]), as systemd holds them."""
    host = loopback_address()
    sockets = [listening(f"{host}:{port}") for port in (4317, 4318)]
    yield host, sockets
    for held in sockets:
        held.close()


def traces_request():
    body, ids = make_body("traces", 1)
    return http_post(PATHS["traces"], body), ids


def test_a_restart_under_load_loses_nothing_of_clients_that_never_retry(
        make_backend, make_collector, held_ports, tmp_path):
    host, sockets = held_ports
    backend = make_backend()
    collector = make_collector(durable(pass_through(backend, signals=("traces",)), tmp_path),
                               host=host, sockets=sockets)
    assert len(collector.lines_with("Starting", "server", "inherited")) == 2
    stop = threading.Event()
    clients = [Insistent(f"{host}:4318", traces_request, keep_alive=index % 2 == 0)
               for index in range(4)]
    threads = [threading.Thread(target=client.run, args=(stop,), daemon=True)
               for client in clients]
    for thread in threads:
        thread.start()
    with Load(collector.grpc, ("traces",), connections=4, rate=100, retry=False,
              transparent=True) as load:
        for _ in range(3):
            seen = [len(client.acknowledged) for client in clients]
            wait_until(lambda: all(len(client.acknowledged) > before + 20
                                   for client, before in zip(clients, seen)), 20, "the load")
            assert collector.stop() == 0
            collector.start()
        wait_until(lambda: len(load.acked) > 500, 20, "the load over gRPC")
    stop.set()
    for thread in threads:
        thread.join(20)
    assert [error for client in clients for error in client.lost] == []
    assert all(client.refused == 0 and client.answers.keys() == {200} for client in clients)
    assert all(not tally.refused for tally in load.tallies.values())
    verdict = nothing_lost(load.acked, backend, timeout=10)
    assert verdict.duplicates == 0
    backend.wait_for_ids([number for client in clients for number in client.acknowledged])


def test_connections_wait_while_no_process_runs(make_backend, make_collector, held_ports):
    host, sockets = held_ports
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)), host=host,
                               sockets=sockets)
    assert collector.stop() == 0
    assert accepts(collector.grpc), "the port is the holder's"
    request, ids = traces_request()
    with dial(f"{host}:4318") as connection:
        connection.sendall(request)
        collector.start()
        assert read_response(connection)[0] == 200
    backend.wait_for_ids(ids)


def test_a_reload_gives_an_inherited_socket_to_the_next_receiver(
        make_backend, make_collector, held_ports):
    host, sockets = held_ports
    backend = make_backend()
    text = pass_through(backend, signals=("traces",))
    collector = make_collector(text, host=host, sockets=sockets)
    config = yaml.safe_load(collector.configs[0].read_text())
    config["receivers"]["otlp"]["protocols"]["http"]["max_request_body_size"] = 1 << 20
    stop = threading.Event()
    client = Insistent(f"{host}:4318", traces_request, keep_alive=False)
    thread = threading.Thread(target=client.run, args=(stop,), daemon=True)
    thread.start()
    wait_until(lambda: len(client.acknowledged) > 20, 20, "the load")
    collector.configs[0].write_text(yaml.safe_dump(config))
    collector.reload()
    collector.wait_for_log("Config updated, reload complete")
    seen = len(client.acknowledged)
    wait_until(lambda: len(client.acknowledged) > seen + 20, 20, "the load to go on")
    stop.set()
    thread.join(20)
    assert (client.lost, client.refused, client.answers.keys()) == ([], 0, {200})
    assert collector.stop() == 0


def test_a_socket_that_no_component_wants_is_told(make_backend, make_collector, held_ports):
    host, sockets = held_ports
    with listening(f"{host}:4319") as spare:
        collector = make_collector(pass_through(make_backend()), host=host,
                                   sockets=[*sockets, spare])
        assert collector.lines_with("inherited socket", f"{host}:4319")
    HttpClient(collector.http).send("traces")
    assert collector.stop() == 0


def test_the_units_of_the_guide_hold_the_ports_of_its_configuration(tmp_path):
    text = GUIDE.read_text()
    blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    units = "".join(body for language, body in blocks if language == "ini")
    (configuration,) = (body for language, body in blocks if language == "yaml")
    file = tmp_path / "config.yaml"
    file.write_text(configuration.replace("/var/lib/gapless", str(tmp_path)))
    validated = run_cli("validate", "--config", file)
    assert validated.returncode == 0, validated.stderr
    config = yaml.safe_load(configuration)
    protocols = config["receivers"]["otlp"]["protocols"]
    assert re.findall(r"ListenStream=(\S+)", units) == [
        protocols[name]["endpoint"] for name in ("grpc", "http")]
