"""The ports of a receiver while the process ends, and when a reload removes the receiver: whoever
connects is answered until nobody can connect any more."""

import socket
import threading
import time

import grpc
import pytest
import requests
import yaml
from google.rpc import error_details_pb2, status_pb2

from harness.collector import SLOWNESS
from harness.configs import pass_through
from harness.items import PATHS, make_body
from harness.load import GrpcClient, HttpClient
from harness.loopback import accepts, loopback_address
from harness.raw import Insistent, dial, http_post, read_all, read_response
from harness.wait import stays, wait_until

PATIENT = ("--shutdown-timeout", "20s")


def traces_request():
    body, ids = make_body("traces", 1)
    return http_post(PATHS["traces"], body), ids


def shutting_down_over_grpc(endpoint):
    """The delay that the refusal asks for."""
    with GrpcClient(endpoint) as client:
        code, details, trailers = client.export("traces", make_body("traces")[0], timeout=5)
    assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "shutting down")
    rich = status_pb2.Status.FromString(dict(trailers)["grpc-status-details-bin"])
    retry = error_details_pb2.RetryInfo()
    assert any(detail.Unpack(retry) for detail in rich.details)
    return retry.retry_delay.seconds


@pytest.mark.smoke
def test_new_clients_are_answered_at_once_while_a_stop_drains(
        make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend), args=PATIENT)
    backend.kill()
    ids = client_of(collector).send("traces", 1)
    collector.terminate()
    collector.wait_for_log("Starting shutdown...")
    stays(lambda: collector.running, 0.7, "the queue is not empty")
    for _ in range(3):
        began = time.monotonic()
        assert shutting_down_over_grpc(collector.grpc) == 3
        answer = HttpClient(collector.http).export("traces", make_body("traces")[0])
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
        assert "shutting down" in answer.text
        assert time.monotonic() - began < 1.5 * SLOWNESS
    silent = dial(f"{collector.host}:4318")
    backend.start()
    backend.wait_for_ids(ids, timeout=15)
    assert read_all(silent, timeout=15) == b"", "a FIN, not a reset"
    assert collector.wait_for_exit(20) == 0
    assert not accepts(collector.grpc) and not accepts(f"{collector.host}:4318")


@pytest.mark.parametrize("keep_alive", (True, False), ids=("kept", "fresh"))
def test_clients_that_come_again_at_a_quick_end_are_answered_and_never_reset(
        make_backend, make_collector, keep_alive):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    stop = threading.Event()
    clients = [Insistent(f"{collector.host}:4318", traces_request, keep_alive) for _ in range(8)]
    threads = [threading.Thread(target=client.run, args=(stop,), daemon=True)
               for client in clients]
    for thread in threads:
        thread.start()
    wait_until(lambda: all(len(client.acknowledged) > 20 for client in clients), 20, "the load")
    assert collector.stop() == 0
    stop.set()
    for thread in threads:
        thread.join(20)
    assert [error for client in clients for error in client.lost] == []
    assert all(client.answers.keys() <= {200, 503} for client in clients)
    assert any(503 in client.answers for client in clients), "nobody came again"
    assert {delay for client in clients for delay in client.delays} == {"3"}
    acknowledged = [number for client in clients for number in client.acknowledged]
    assert set(acknowledged) <= backend.ids().keys()


def test_those_who_wait_in_the_backlog_are_answered_before_the_port_closes(
        make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)), args=PATIENT)
    backend.kill()
    ids = client_of(collector).send("traces", 1)
    connected = dial(f"{collector.host}:4318", timeout=5)  # whoever was connected may come again
    collector.terminate()
    collector.wait_for_log("Starting shutdown...")
    connected.close()
    backend.start()
    backend.wait_for_ids(ids, timeout=15)
    # From here on it may end at any moment: some of these come to the very last one.
    outcomes = {"answered": 0, "refused": 0, "turned away": 0}
    while collector.running:
        try:
            connection = dial(f"{collector.host}:4318", timeout=0.5)
        except ConnectionRefusedError:
            outcomes["refused"] += 1
            continue
        except TimeoutError:
            outcomes["turned away"] += 1
            continue
        with connection:
            connection.sendall(traces_request()[0])
            assert read_response(connection)[0] == 503
            outcomes["answered"] += 1
    assert outcomes["answered"] > 0
    assert collector.wait_for_exit(20) == 0


def test_a_receiver_that_a_reload_removes_answers_until_its_port_closes(
        make_backend, make_collector):
    backend = make_backend()
    text = yaml.safe_load(pass_through(backend, signals=("traces",)))
    other = f"{loopback_address()}:4318"
    more = yaml.safe_load(yaml.safe_dump(text))
    more["receivers"] = {"otlp/other": {"protocols": {"http": {"endpoint": other}}}}
    more["service"]["pipelines"]["traces"]["receivers"].append("otlp/other")
    collector = make_collector(yaml.safe_dump(more))
    stop = threading.Event()
    client = Insistent(other, traces_request)
    thread = threading.Thread(target=client.run, args=(stop,), daemon=True)
    thread.start()
    wait_until(lambda: len(client.acknowledged) > 20, 20, "the load")
    collector.configs[1].write_text(yaml.safe_dump(text))
    collector.reload()
    collector.wait_for_log("Config updated, reload complete")
    wait_until(lambda: client.answers.get(503, 0) > 0, 10, "a refusal")
    wait_until(lambda: client.refused > 0, 20, "the port to close")
    stop.set()
    thread.join(20)
    assert client.lost == []
    assert client.delays == {"3"}
    backend.wait_for_ids(client.acknowledged)
    assert collector.stop() == 0


def test_a_body_in_chunks_that_is_complete_only_during_the_end_is_stored(
        make_backend, make_collector):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    body, ids = make_body("traces", 2)
    with dial(f"{collector.host}:4318") as connection:
        connection.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                           b"Content-Type: application/x-protobuf\r\n\r\n"
                           + f"{len(body):x}\r\n".encode() + body[:10])
        # Answered on another connection: what came before is read by now.
        HttpClient(collector.http).send("traces")
        collector.terminate()
        collector.wait_for_log("Starting shutdown...")
        connection.sendall(body[10:] + b"\r\n0\r\n\r\n")
        status, fields, _ = read_response(connection)
        assert (status, fields["connection"]) == (200, "close")
    assert collector.wait_for_exit(20) == 0
    assert set(ids) <= backend.ids().keys()


def test_an_idle_kept_connection_is_told_with_its_next_answer(make_backend, make_collector):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    with dial(f"{collector.host}:4318") as connection:
        request, first = traces_request()
        connection.sendall(request)
        status, fields, _ = read_response(connection)
        assert status == 200 and "connection" not in fields
        collector.terminate()
        collector.wait_for_log("Starting shutdown...")
        request, second = traces_request()
        connection.sendall(request)
        status, fields, _ = read_response(connection)
        assert (status, fields["connection"]) == (200, "close")
        assert read_all(connection) == b""
    assert collector.wait_for_exit(20) == 0
    assert {*first, *second} <= backend.ids().keys()


def test_the_file_of_a_unix_socket_goes_with_the_process(make_backend, make_collector, tmp_path):
    path = tmp_path / "http.sock"
    backend = make_backend()
    config = yaml.safe_load(pass_through(backend, signals=("traces",)))
    config["receivers"] = {"otlp/file": {"protocols": {
        "http": {"endpoint": str(path), "transport": "unix"}}}}
    config["service"]["pipelines"]["traces"]["receivers"].append("otlp/file")
    collector = make_collector(yaml.safe_dump(config))
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        request, ids = traces_request()
        connection.sendall(request)
        assert read_response(connection)[0] == 200
    assert collector.stop() == 0
    assert not path.exists()
    assert set(ids) <= backend.ids().keys()


def test_a_health_page_says_that_the_process_ends(make_backend, make_collector, client_of):
    health = f"{loopback_address()}:13133"
    backend = make_backend()
    config = yaml.safe_load(pass_through(backend, signals=("traces",)))
    config["extensions"] = {"health_check": {"endpoint": health}}
    config["service"]["extensions"] = ["health_check"]
    collector = make_collector(yaml.safe_dump(config), args=PATIENT)
    backend.kill()
    client_of(collector).send("traces", 1)
    collector.terminate()
    collector.wait_for_log("Starting shutdown...")
    answer = requests.get(f"http://{health}/", timeout=5)
    assert answer.status_code == 503
    backend.start()
    assert collector.wait_for_exit(20) == 0
    assert not accepts(health)
