"""What the tests about backends that refuse share: configurations, a load, what gapless says."""

import yaml

from harness.collector import SLOWNESS
from harness.configs import failover, pass_through
from harness.load import Load
from harness.wait import wait_until

RETRY = {"retry_on_failure": {"initial_interval": "200ms", "max_interval": "500ms"}}
BATCH = {"batch": {"timeout": "200ms"}}
OWED = "otelcol_connector_failover_backfill_owed_items"


def load_of(collector, signal, rate=20, items=20):
    return Load(collector.grpc, (signal,), connections=4, rate=rate, items=items, instances=True)


def signal_of(backend):
    return backend.profile.signals[0]


def settled(backend, count=5):
    begin = len(backend.received)
    wait_until(lambda: len(backend.received) >= begin + count, 20 * SLOWNESS,
               f"{count} requests taken by {backend.name}")


def dropped(collector):
    return collector.metric("gapless_journal_dropped_items")


def level(collector, number, signal):
    """What the admin API says of a level."""
    answer = collector.ask_admin("GET", "/failover/status", connector=f"failover/{signal}").json()
    return answer["connectors"][0]["levels"][number]


def two_levels(primary, secondary, batch=False, exporter=None, connector=None):
    """exporter: settings of the primary alone."""
    config = yaml.safe_load(failover(
        primary, secondary, signals=primary.profile.signals, exporters=RETRY,
        processors=BATCH if batch else None, connector=connector))
    config["exporters"]["otlphttp/primary"].update(exporter or {})
    return yaml.safe_dump(config)


def one_exporter(backend, **settings):
    return pass_through(backend, backend.profile.signals, **{**RETRY, **settings})
