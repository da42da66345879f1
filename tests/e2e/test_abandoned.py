"""block_on_overflow, and clients that give up waiting for room: their requests go with them."""

import os
import threading
import time

import grpc
import pytest

from harness.configs import pass_through
from harness.items import METHODS, PATHS, make_body
from harness.load import GrpcClient, HttpClient, channel_to
from harness.raw import dial, ended, http_post, read_all, reset
from harness.wait import stays, wait_until

FULL = {"sending_queue": {"queue_size": 1, "num_consumers": 1, "block_on_overflow": True},
        "timeout": "30s"}
MIB = 1 << 20


@pytest.fixture
def full(make_backend, make_collector, client_of):
    """(backend that is dead, collector whose queue is full, what the queue holds)"""
    backend = make_backend()
    backend.kill()
    collector = make_collector(pass_through(backend, signals=("traces",), **FULL))
    return backend, collector, client_of(collector).send("traces")


def resident_mib(collector):
    with open(f"/proc/{collector.process.pid}/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def descriptors(collector):
    return len(os.listdir(f"/proc/{collector.process.pid}/fd"))


def large_request():
    return make_body("traces", 1, item_bytes=MIB)


def nothing_else_arrives(backend, kept):
    """Starts it: it gets what the queue held, and nobody else's."""
    backend.start()
    backend.wait_for_ids(kept, timeout=20)
    stays(lambda: backend.ids().keys() <= set(kept), 1, "a request that its client gave up")


@pytest.mark.parametrize("way", ("deadline", "cancel"))
def test_calls_that_clients_give_up_hold_no_memory_and_are_never_stored(full, way):
    backend, collector, kept = full
    body, _ = large_request()
    before = resident_mib(collector)
    most = 0
    with channel_to(collector.grpc) as channel:
        export = channel.unary_unary(METHODS["traces"])
        for _ in range(150):
            if way == "deadline":
                call = export.future(body, timeout=0.1)
            else:
                call = export.future(body, timeout=60)
                time.sleep(0.02)
                call.cancel()
            wait_until(call.done, 10, "the end of the call")
            most = max(most, resident_mib(collector) - before)
    assert most < 80, "150 MiB were sent"
    nothing_else_arrives(backend, kept)


@pytest.mark.parametrize("way", ("fin", "reset", "half"))
def test_http_clients_that_leave_hold_neither_memory_nor_descriptors(full, way):
    backend, collector, kept = full
    body, _ = large_request()
    request = http_post(PATHS["traces"], body)
    before, files = resident_mib(collector), descriptors(collector)
    most = 0
    halves = []
    for _ in range(150):
        connection = dial(f"{collector.host}:4318")
        connection.sendall(request)
        if way == "fin":
            connection.close()
        elif way == "reset":
            reset(connection)
        else:
            connection.shutdown(1)
            halves.append(connection)
        most = max(most, resident_mib(collector) - before)
    assert most < 120, "150 MiB were sent"
    for connection in halves:
        assert read_all(connection).startswith(b"HTTP/1.1 503 "), "whoever still reads is answered"
        connection.close()
    wait_until(lambda: descriptors(collector) <= files + 2, 10, "the descriptors to be closed")
    nothing_else_arrives(backend, kept)


def test_what_blocked_requests_may_hold_is_bounded_and_the_rest_is_refused_with_a_delay(full):
    backend, collector, kept = full
    body, _ = large_request()
    request = http_post(PATHS["traces"], body)
    before = resident_mib(collector)
    waiting = [dial(f"{collector.host}:4318") for _ in range(120)]
    for connection in waiting:
        connection.sendall(request)
    wait_until(lambda: sum(map(_readable, waiting)) > 50, 20, "refusals")
    # What may wait (32 MiB), what is being received and unpacked, and what the allocator keeps.
    assert resident_mib(collector) - before < 150
    for connection in waiting:
        connection.close()
    nothing_else_arrives(backend, kept)


def _readable(connection):
    connection.setblocking(False)
    try:
        return connection.recv(12, 2).startswith(b"HTTP/1.1 503")
    except BlockingIOError:
        return False


def test_those_who_wait_are_served_although_others_gave_up(full):
    backend, collector, kept = full
    patient = {}

    def wait():
        with GrpcClient(collector.grpc) as client:
            body, ids = make_body("traces", 1)
            patient["code"] = client.export("traces", body, timeout=30)[0]
            patient["ids"] = ids

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    body, _ = make_body("traces", 1)
    for _ in range(20):
        connection = dial(f"{collector.host}:4318")
        connection.sendall(http_post(PATHS["traces"], body))
        assert not ended(connection)
        connection.close()
    stays(thread.is_alive, 0.5, "there is no room")
    backend.start()
    thread.join(20)
    assert patient["code"] is grpc.StatusCode.OK
    backend.wait_for_ids([*kept, *patient["ids"]], timeout=20)


def test_a_full_queue_asks_for_a_delay_that_suits_clients_that_count_their_tries(
        make_backend, make_collector, client_of):
    backend = make_backend()
    backend.kill()
    settings = {"sending_queue": {"queue_size": 1, "num_consumers": 1}}
    collector = make_collector(pass_through(backend, signals=("traces",), **settings))
    client_of(collector).send("traces")
    answer = HttpClient(collector.http).export("traces", make_body("traces")[0])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
