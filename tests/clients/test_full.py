"""What a client loses while the queue is full, for each way in which gapless can say so."""

import time

import pytest
from expectations import JUDGES, meets
from runs import Arrived

from harness.configs import pass_through

RATE = 100
RUNNING = 40
QUEUE = {"queue_size": 5, "num_consumers": 1}
RETRY = {"initial_interval": "200ms", "max_interval": "500ms"}


def away(seconds, queue, make_backend, make_front, start, client, front):
    """The verdict of a run during which the backend is away for so long."""
    backend = make_backend(keep_bodies=True)
    text = pass_through(backend, retry_on_failure=RETRY, sending_queue={**QUEUE, **queue})
    collector = make_front(front, text)
    arrived = Arrived(backend)
    # It goes on after the outage: an SDK that is told to end sends everything at once.
    run = start(client, collector, rate=RATE, count=RATE * (seconds + 2),
                signals=("traces", "logs"))
    arrived.wait_for_more(RUNNING, run)
    backend.behave("UNAVAILABLE")
    time.sleep(seconds)
    backend.behave()
    return JUDGES[front](run, arrived)


def test_a_full_queue_refuses_while_the_backend_is_away(
        make_backend, make_front, start, client, front, account):
    verdict = away(8, {}, make_backend, make_front, start, client, front)
    account("full queue", client, front, verdict)
    meets(verdict, "full queue", client, front)


@pytest.mark.parametrize("seconds", (4, 13))
def test_a_full_queue_lets_clients_wait_while_the_backend_is_away(
        make_backend, make_front, start, client, front, account, seconds):
    """13 s is longer than the time limit of every exporter."""
    queue = {"block_on_overflow": True}
    verdict = away(seconds, queue, make_backend, make_front, start, client, front)
    account(f"blocked {seconds} s", client, front, verdict)
    meets(verdict, f"blocked {seconds} s", client, front)
