"""A few dozen requests that a backend never takes, and everybody else."""

from harness.configs import pass_through
from harness.items import make_body


def test_a_few_dozen_records_that_a_backend_never_takes_stop_nothing_else(
        make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend, signals=("traces",)))
    client = client_of(collector)
    bad = [make_body("traces") for _ in range(80)]
    backend.behave("INTERNAL", poison=[number for _, ids in bad for number in ids])
    for body, _ in bad:
        client.export("traces", body)
    for _ in range(10):
        backend.wait_for_ids(client.send("traces"), timeout=5)
