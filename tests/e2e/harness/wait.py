"""Polling with a deadline, the only way these tests wait."""

import time

POLL_SECONDS = 0.01


def wait_until(condition, timeout, what):
    """The first true value of condition(); fails after timeout seconds, saying what it awaited."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what() if callable(what) else what}")
        time.sleep(POLL_SECONDS)


def stays(condition, seconds, what):
    """Fails as soon as condition() is false within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert condition(), what
        time.sleep(POLL_SECONDS)
