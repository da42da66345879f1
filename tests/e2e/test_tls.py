"""TLS and mutual TLS, towards backends and from clients."""

import grpc
import pytest
import requests
import yaml

from harness.configs import failover, pass_through
from harness.items import make_body
from harness.load import GrpcClient, HttpClient
from harness.loopback import loopback_address
from harness.wait import wait_until


@pytest.fixture
def tls_backend(make_backend, authority):
    """A backend on a fresh address with a certificate for it (or for other names)."""

    def make(name="backend", names=None, clients=False, **options):
        host = loopback_address()
        tls = authority.server(*(names or (host,)), clients=clients)
        return make_backend(name, host=host, tls=tls, **options)

    return make


def towards(backend, **tls):
    return pass_through(backend, tls=tls)


def test_a_backend_is_verified_against_ca_file(
        tls_backend, make_collector, client_of, authority):
    backend = tls_backend()
    collector = make_collector(towards(backend, ca_file=str(authority.ca)))
    backend.wait_for_ids(client_of(collector).send("traces", 3))


def test_a_backend_is_verified_against_the_system_roots(
        tls_backend, make_collector, client_of, authority):
    backend = tls_backend()
    env = {"SSL_CERT_FILE": str(authority.ca)}
    collector = make_collector(towards(backend, insecure=False), env=env)
    backend.wait_for_ids(client_of(collector).send("traces", 3))


@pytest.mark.parametrize("mistake", ("unknown authority", "wrong name", "plain text"))
def test_a_backend_that_cannot_be_verified_gets_nothing_and_the_secondary_all(
        tls_backend, make_backend, make_collector, client_of, authority, mistake):
    primary = make_backend("primary") if mistake == "plain text" else tls_backend(
        "primary", names=("elsewhere.example.com",) if mistake == "wrong name" else None)
    secondary = make_backend("secondary")
    config = yaml.safe_load(failover(primary, secondary, signals=("traces",)))
    ca = {} if mistake == "unknown authority" else {"ca_file": str(authority.ca)}
    config["exporters"]["otlp/primary"]["tls"] = {"insecure": False, **ca}
    collector = make_collector(yaml.safe_dump(config))
    secondary.wait_for_ids(client_of(collector).send("traces", 3))
    assert primary.received == []
    switched = collector.lines_with("failover", "switched to a lower level")
    assert switched, "the switch is not told"


@pytest.mark.parametrize("setting", ({"insecure_skip_verify": True},
                                     {"server_name_override": "elsewhere.example.com"}),
                         ids=("insecure_skip_verify", "server_name_override"))
def test_a_certificate_for_another_name_can_be_accepted(
        tls_backend, make_collector, client_of, authority, setting):
    backend = tls_backend(names=("elsewhere.example.com",))
    collector = make_collector(towards(backend, ca_file=str(authority.ca), **setting))
    backend.wait_for_ids(client_of(collector).send("traces", 3))


def test_the_exporter_shows_its_certificate_to_a_backend_that_asks(
        tls_backend, make_collector, client_of, authority):
    backend = tls_backend(clients=True)
    certificate, key = authority.issue("client.example.com")
    collector = make_collector(towards(backend, ca_file=str(authority.ca),
                                       cert_file=str(certificate), key_file=str(key)))
    backend.wait_for_ids(client_of(collector).send("traces", 3))


def secured(collector_host, authority, **tls):
    certificate, key = authority.issue(collector_host)
    section = {"cert_file": str(certificate), "key_file": str(key), **tls}
    return {"receivers": {"otlp": {"protocols": {"grpc": {"tls": section},
                                                 "http": {"tls": section}}}}}


def secured_collector(make_collector, authority, backend, **tls):
    """A collector with server TLS; the certificate names its address, which is chosen first."""
    host = loopback_address()
    config = secured(host, authority, **tls)
    protocols = config["receivers"]["otlp"]["protocols"]
    protocols["grpc"]["endpoint"], protocols["http"]["endpoint"] = f"{host}:4317", f"{host}:4318"
    make_collector(pass_through(backend), yaml.safe_dump(config))
    return host


def test_clients_reach_a_receiver_with_tls(make_backend, make_collector, authority):
    backend = make_backend()
    host = secured_collector(make_collector, authority, backend)
    trust = grpc.ssl_channel_credentials(authority.ca.read_bytes())
    with GrpcClient(f"{host}:4317", trust) as client:
        backend.wait_for_ids(client.send("traces", 3))
    http = HttpClient(f"https://{host}:4318", verify=str(authority.ca))
    backend.wait_for_ids(http.send("logs", 3))
    with GrpcClient(f"{host}:4317") as plain:
        assert plain.export("traces", make_body("traces")[0])[0] is grpc.StatusCode.UNAVAILABLE


def test_a_receiver_with_client_ca_file_takes_only_known_clients(
        make_backend, make_collector, authority):
    backend = make_backend()
    host = secured_collector(make_collector, authority, backend, client_ca_file=str(authority.ca))
    certificate, key = authority.issue("client.example.com")
    known = grpc.ssl_channel_credentials(authority.ca.read_bytes(), key.read_bytes(),
                                         certificate.read_bytes())
    with GrpcClient(f"{host}:4317", known) as client:
        backend.wait_for_ids(client.send("traces", 3))
    with GrpcClient(f"{host}:4317",
                    grpc.ssl_channel_credentials(authority.ca.read_bytes())) as stranger:
        body, _ = make_body("traces")
        assert stranger.export("traces", body)[0] is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(requests.exceptions.ConnectionError):
        HttpClient(f"https://{host}:4318", verify=str(authority.ca)).send("logs")


def test_failover_works_over_tls(tls_backend, make_collector, client_of, authority):
    primary, secondary = tls_backend("primary"), tls_backend("secondary")
    config = failover(primary, secondary, exporters={"tls": {"ca_file": str(authority.ca)}})
    collector = make_collector(config)
    client = client_of(collector)
    primary.wait_for_ids(client.send("traces"))
    primary.kill()
    secondary.wait_for_ids(client.send("traces"))
    primary.start()
    wait_until(lambda: client.send("traces") and primary.first_after(
        secondary.received[-1].at), 15, "the switch back")
