"""The fixtures of the end-to-end tests, for the tests with other people's programs."""

from harness.fixtures import (  # noqa: F401
    authority,
    client_of,
    make_backend,
    make_collector,
)
