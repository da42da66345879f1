"""What stands in front of the backends: gapless, or a stock Collector configured the same way."""

import tempfile
from pathlib import Path

import pytest
import tools

from harness import collector as base
from harness.wait import wait_until


class Gapless(base.Collector):
    name = "gapless"

    def pending(self):
        """Items that no backend has confirmed. Published about once a second."""
        return int(self.metric("gapless_journal_pending_items"))

    def owed(self):
        """Items that a level above the one that took them is still to get."""
        return int(self.metric("otelcol_connector_failover_backfill_owed_items"))

    def reconfigure(self, config):
        """Reloads with another configuration."""
        self.configs[-1].write_text(config.text)
        answer = self.ask_admin("POST", "/-/reload")
        assert answer.status_code == 200, answer.text

    def levels(self):
        """What `gapless failover status` shows of each level of the one connector."""
        return self.ask_admin("GET", "/failover/status").json()["connectors"][0]["levels"]


class Peer(base.Collector):
    """A stock Collector (tests/interop/collector). A restart stands in for a reload."""

    name = "collector"

    def start(self, wait=True, timeout=30):
        binary = tools.real_collector()
        if binary is None:
            pytest.skip("go is not installed")
        self._run(binary, wait, timeout)

    def _run(self, binary, wait, timeout):
        mine = base.binary
        base.binary = lambda: binary
        try:
            super().start(wait, timeout)
        finally:
            base.binary = mine

    def base(self):
        tree = super().base()
        del tree["service"]["admin"]
        return tree

    def pending(self):
        """How many items a queue holds is not known: more than any load sends, or none."""
        return 1 << 40 if self.metric("otelcol_exporter_queue_size") else 0

    def owed(self):
        return 0

    def reconfigure(self, config):
        self.stop()
        self.configs[-1].write_text(config.text)
        self.start()


def folder():
    """A directory of its own for journals."""
    return Path(tempfile.mkdtemp(prefix="gapless-state-"))


def wait_for_backfill(collector, timeout=60):
    """Until nothing is owed for two of the metric's intervals."""
    wait_until(lambda: collector.owed() == 0, timeout, lambda: f"{collector.owed()} items are owed")
