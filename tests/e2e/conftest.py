"""The fixtures of the end-to-end tests."""

from harness.fixtures import (  # noqa: F401
    authority,
    client_of,
    make_backend,
    make_collector,
    make_scripted,
)
