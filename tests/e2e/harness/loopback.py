"""Addresses: every server of a test gets a loopback address of its own, so ports never collide."""

import random
import socket

_rng = random.SystemRandom()


def loopback_address():
    """A random address of 127.0.0.0/8, away from the ones that people use."""
    return f"127.{_rng.randint(16, 250)}.{_rng.randint(1, 250)}.{_rng.randint(2, 250)}"


def free_endpoint():
    """host:port where nothing listens."""
    host = loopback_address()
    with socket.socket() as probe:
        probe.bind((host, 0))
        return f"{host}:{probe.getsockname()[1]}"


def accepts(endpoint):
    """Whether a TCP connection to host:port is taken."""
    host, port = endpoint.rsplit(":", 1)
    try:
        with socket.create_connection((host, int(port)), timeout=0.5):
            return True
    except OSError:
        return False
