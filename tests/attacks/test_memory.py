"""service::limits::memory bounds everything together: what waits for a backend as well."""

import threading
import time

import pytest

import attackers
from harness.load import GrpcClient
from harness.wait import wait_until
from stage import MIB

SMALL = 512 * MIB
LIMIT = SMALL // 4
# What the process needs beside it, and what the allocator keeps for a while.
SPARE = 64 * MIB
UNLIMITED = {"sending_queue": {"queue_size": 1_000_000}}
BLOCKING = {"sending_queue": {"queue_size": 10, "block_on_overflow": True}}


class Sender(threading.Thread):
    """Small requests all the time; what was acknowledged."""

    def __init__(self, endpoint):
        super().__init__()
        self.acked, self.codes = [], {}
        self._endpoint, self._ending = endpoint, threading.Event()
        self.start()

    def run(self):
        with GrpcClient(self._endpoint) as client:
            while not self._ending.is_set():
                body, ids = attackers.make_body("traces")
                code, details, _ = client.export("traces", body, timeout=3)
                self.codes[f"{code.name} {details}"] = code
                if code.name == "OK":
                    self.acked.extend(ids)
                time.sleep(0.02)

    def end(self):
        self._ending.set()
        self.join()


def fill(stage, kind, full, seconds=6.0):
    """Attackers until it is full and for some time more: what the process had at most."""
    processes = [stage.attack(attackers.uploads, kind) for _ in range(2)]
    sender = Sender(stage.collector.grpc)
    try:
        wait_until(full, 60, lambda: f"{stage.held() / MIB:.0f} MiB are held")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert stage.collector.running, f"it died\n{stage.collector.log_tail()}"
            assert stage.held() <= stage.limit() + 8 * MIB
            time.sleep(0.1)
    finally:
        for process in processes:
            process.kill()
            process.join()
        sender.end()
    print(f"peak {stage.peak() / MIB:.0f} MiB, limit {stage.limit() / MIB:.0f} MiB, "
          f"small requests: {sorted(sender.codes)}")
    return sender


def judge(stage, sender):
    """Within the bound; and when the backend is well, all arrives and the memory returns."""
    assert stage.limit() == LIMIT
    assert stage.peak() < LIMIT + SPARE, f"{stage.peak() / MIB:.0f} MiB"
    assert all(code.name in ("OK", "UNAVAILABLE", "DEADLINE_EXCEEDED")
               for code in sender.codes.values()), sender.codes
    stage.backend.behave("OK")
    stage.backend.wait_for_ids(sender.acked, 90)
    wait_until(lambda: stage.held() < MIB, 30, lambda: f"{stage.held()} bytes are held")
    wait_until(lambda: stage.resident() < LIMIT, 30,
               lambda: f"{stage.resident() / MIB:.0f} MiB are resident")


@pytest.mark.parametrize("kind", ("plain", "gzip", "json", "gzip_json"))
def test_a_queue_that_fills_while_its_backend_is_down(make_stage, kind):
    stage = make_stage(memory=SMALL, exporter=UNLIMITED)
    stage.backend.kill()
    sender = fill(stage, kind, lambda: stage.refused("requests", "memory") > 0)
    stage.told("service::limits::memory")
    stage.backend.start()
    judge(stage, sender)


def test_a_queue_that_fills_while_its_backend_is_slow(make_stage):
    stage = make_stage(memory=SMALL, exporter=UNLIMITED)
    stage.backend.behave(delay=1)
    sender = fill(stage, "plain", lambda: stage.refused("requests", "memory") > 0)
    judge(stage, sender)


@pytest.mark.parametrize("kind", ("plain", "gzip_json"))
def test_requests_that_wait_for_room_in_a_queue(make_stage, kind):
    stage = make_stage(memory=SMALL, exporter=BLOCKING)
    stage.backend.kill()
    sender = fill(stage, kind, lambda: stage.held("waiting") > 3 * MIB)
    stage.backend.start()
    judge(stage, sender)
