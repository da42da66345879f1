"""Clients that wait: for a backend's confirmation, or for room in a queue."""

import threading

import grpc
import pytest
import yaml

from harness.configs import durable, failover, pass_through
from harness.items import make_body
from harness.oracle import conserved
from harness.wait import stays, wait_until

WAIT = {"sending_queue": {"wait_for_result": True}}


class Later:
    """A request that is sent beside the test."""

    def __init__(self, client, signal, count):
        self._body, self.ids = make_body(signal, count)
        self.code = None
        self._thread = threading.Thread(target=self._send, args=(client, signal), daemon=True)
        self._thread.start()

    def _send(self, client, signal):
        self.code = client.export(signal, self._body, timeout=40)[0]

    def waiting(self):
        return self._thread.is_alive()

    def answer(self):
        self._thread.join(30)
        return self.code


def test_with_wait_for_result_ok_means_that_a_level_confirmed_also_through_an_outage(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",), connector=WAIT))
    client = client_of(collector)
    assert set(client.send("traces", 3)) <= primary.ids().keys()
    primary.kill()
    assert set(client.send("traces", 3)) <= secondary.ids().keys()
    secondary.kill()
    request = Later(client, "traces", 3)
    stays(request.waiting, 1.5, "there is no backend that could have confirmed")
    primary.start()
    assert request.answer() is grpc.StatusCode.OK
    assert set(request.ids) <= primary.ids().keys()
    conserved(collector)
    assert collector.stop() == 0


def test_with_wait_for_result_the_client_hears_a_rejection(
        make_backend, make_collector, client_of):
    backend = make_backend()
    backend.behave("INVALID_ARGUMENT")
    collector = make_collector(pass_through(backend, ("traces",), **WAIT))
    code, _, _ = client_of(collector).export("traces", make_body("traces")[0])
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_wait_for_result_and_storage_exclude_each_other(make_backend, make_collector, tmp_path):
    config = yaml.safe_load(durable(pass_through(make_backend(), ("traces",), **WAIT), tmp_path))
    collector = make_collector(yaml.safe_dump(config), wait=False)
    assert collector.wait_for_exit(20) == 1
    assert "`wait_for_result` is not supported with a persistent queue" in collector.log


@pytest.mark.parametrize("sizer, size", (("requests", 2), ("items", 6), ("bytes", 1000)))
def test_with_block_on_overflow_a_client_waits_for_room(
        make_backend, make_collector, client_of, sizer, size):
    backend = make_backend()
    backend.kill()
    queue = {"queue_size": size, "sizer": sizer, "block_on_overflow": True}
    collector = make_collector(pass_through(backend, ("traces",), sending_queue=queue))
    client = client_of(collector)
    sent = [Later(client, "traces", 3) for _ in range(30)]
    wait_until(lambda: any(not request.waiting() for request in sent), 10, "the first requests")
    stays(lambda: any(request.waiting() for request in sent), 1, "a full queue must not answer")
    backend.start()
    assert {request.answer() for request in sent} == {grpc.StatusCode.OK}
    backend.wait_for_ids([number for request in sent for number in request.ids])
    conserved(collector)
    assert collector.stop() == 0


def test_who_waits_in_a_queue_that_left_the_configuration_does_not_hold_up_the_end(
        make_backend, make_collector, client_of):
    backend = make_backend()
    backend.kill()
    queue = {"queue_size": 1, "block_on_overflow": True}
    collector = make_collector(pass_through(backend, ("traces",), sending_queue=queue))
    client = client_of(collector)
    client.send("traces", 1)
    request = Later(client, "traces", 1)
    stays(request.waiting, 1, "the queue is full")
    without = yaml.safe_load(pass_through(backend, ("traces",)))
    without["exporters"] = {"nop": {}}
    without["service"]["pipelines"]["traces"]["exporters"] = ["nop"]
    collector.write_config("config0", yaml.safe_dump(without))
    assert collector.ask_admin("POST", "/-/reload").status_code == 200
    stays(request.waiting, 1, "the queue empties itself, and there is no room yet")
    collector.terminate()
    wait_until(lambda: not request.waiting(), 5, "an answer to who waits")
    assert request.answer() is grpc.StatusCode.UNAVAILABLE
    backend.start()
    assert collector.wait_for_exit() == 0
