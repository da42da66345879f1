"""Clients that cancel, disconnect and time out, in every state of a request. `grpc` and `http` are
the collector's endpoints."""

import random
import threading
import time

from harness.items import METHODS, PATHS, make_body
from harness.load import channel_to
from harness.raw import dial, http_post, reset


def _calls(grpc, seed):
    """Calls that are cancelled or come to their deadline after up to 0.9 s; now and then the whole
    connection is closed beneath them."""
    choose = random.Random(seed)
    while True:
        with channel_to(grpc) as channel:
            export = channel.unary_unary(METHODS["traces"])
            calls = []
            for _ in range(choose.randrange(5, 40)):
                body, _ = make_body("traces", 200)
                call = export.future(body, timeout=choose.uniform(0.01, 0.9))
                calls.append((call, choose.random() < 0.5))
                time.sleep(0.01)
            for call, is_cancelled in calls:
                if is_cancelled:
                    time.sleep(choose.uniform(0, 0.05))
                    call.cancel()


def _posts(http, seed):
    """Requests over HTTP/1.1 that are left at any byte, by FIN or RST."""
    choose = random.Random(seed)
    while True:
        body, _ = make_body("traces", 200)
        request = http_post(PATHS["traces"], body)
        try:
            connection = dial(http)
            connection.sendall(request[: choose.choice([choose.randrange(len(request)), None])])
            time.sleep(choose.uniform(0, 0.3))
            if choose.random() < 0.5:
                reset(connection)
            else:
                connection.close()
        except OSError:
            time.sleep(0.05)


def leave(grpc, http, calls=4, posts=4):
    threads = [threading.Thread(target=_calls, args=(grpc, seed)) for seed in range(calls)]
    threads += [threading.Thread(target=_posts, args=(http, seed)) for seed in range(posts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
