"""Without a queue the client hears the backend's answer, and failover happens in the request."""

import time

import grpc
import pytest

from harness.collector import SLOWNESS
from harness.configs import failover, pass_through
from harness.items import make_body
from harness.load import HttpClient

OFF = {"sending_queue": {"enabled": False}}
NO_RETRY = {**OFF, "retry_on_failure": {"enabled": False}}

# backend's code -> (gRPC code, HTTP status) that the client sees
ANSWERS = {
    "UNAVAILABLE": ("UNAVAILABLE", 503),
    "INVALID_ARGUMENT": ("INVALID_ARGUMENT", 400),
    "UNAUTHENTICATED": ("UNAUTHENTICATED", 401),
    "PERMISSION_DENIED": ("PERMISSION_DENIED", 403),
    "UNIMPLEMENTED": ("UNIMPLEMENTED", 404),
    "RESOURCE_EXHAUSTED": ("RESOURCE_EXHAUSTED", 429),
    "INTERNAL": ("INTERNAL", 500),
}


@pytest.mark.parametrize("code", ANSWERS)
def test_the_client_hears_the_backends_error(make_backend, make_collector, client_of, code):
    backend = make_backend()
    backend.behave(code)
    collector = make_collector(pass_through(backend, **NO_RETRY))
    grpc_code, http_status = ANSWERS[code]
    body, _ = make_body("traces", 2)
    assert client_of(collector).export("traces", body)[0].name == grpc_code
    assert HttpClient(collector.http).export("traces", body).status_code == http_status


def test_a_delay_that_the_backend_asks_for_reaches_the_client(
        make_backend, make_collector, client_of):
    from google.rpc import error_details_pb2, status_pb2
    backend = make_backend()
    backend.behave("RESOURCE_EXHAUSTED", retry_after=7)
    collector = make_collector(pass_through(backend, **NO_RETRY))
    body, _ = make_body("traces")
    code, _, trailers = client_of(collector).export("traces", body)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    status = status_pb2.Status.FromString(dict(trailers)["grpc-status-details-bin"])
    info = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay.seconds == 7
    answer = HttpClient(collector.http).export("traces", body)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, "7")


def test_ok_means_that_the_backend_has_it(make_backend, make_collector, client_of):
    backend = make_backend()
    collector = make_collector(pass_through(backend, **OFF))
    for _ in range(10):
        assert set(client_of(collector).send("logs", 3)) <= backend.ids().keys()


@pytest.mark.parametrize("gone", ("kill", "UNAVAILABLE"))
def test_failover_happens_inside_the_request(make_backend, make_collector, client_of, gone):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",), connector=OFF))
    client = client_of(collector)
    assert set(client.send("traces", 3)) <= primary.ids().keys()
    primary.kill() if gone == "kill" else primary.behave(gone)
    for _ in range(10):
        ids = client.send("traces", 3)
        assert set(ids) <= secondary.ids().keys(), "OK before a level had confirmed"


def test_no_usable_level_is_an_immediate_retryable_error(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    collector = make_collector(failover(primary, secondary, signals=("traces",), connector=OFF))
    client = client_of(collector)
    client.send("traces")
    primary.kill()
    secondary.kill()
    codes, taken = set(), 0.0
    for _ in range(6):
        began = time.monotonic()
        codes.add(client.export("traces", make_body("traces")[0])[0])
        taken = time.monotonic() - began
    assert codes == {grpc.StatusCode.UNAVAILABLE}
    assert taken < 0.5 * SLOWNESS, "with both levels known to be down the answer must not wait"


def test_a_rejected_request_is_rejected_after_every_level_had_its_say(
        make_backend, make_collector, client_of):
    primary, secondary = make_backend("primary"), make_backend("secondary")
    primary.behave("INVALID_ARGUMENT")
    collector = make_collector(failover(primary, secondary, signals=("traces",), connector=OFF))
    client = client_of(collector)
    ids = client.send("traces")
    assert set(ids) <= secondary.ids().keys(), "what one level rejects, another may take"
    secondary.behave("INVALID_ARGUMENT")
    code, _, _ = client.export("traces", make_body("traces")[0])
    assert code is grpc.StatusCode.INVALID_ARGUMENT
