"""The backends of the matrix, by the name that tests have them under."""

from dataclasses import dataclass, field

from real.jaeger import Jaeger
from real.page import block
from real.prometheus import Cortex, Prometheus
from real.victoria import VictoriaLogs, VictoriaMetrics


@dataclass(frozen=True)
class Kind:
    """options: of the store, as the page has it for backfill. bare: out of the box.

    loses: whether `kill -9` takes what it acknowledged in its last seconds.
    """

    store: type
    page: str
    options: dict = field(default_factory=dict)
    bare: dict = field(default_factory=dict)
    loses: bool = False


def _window(name, *path):
    value = block(name)
    for key in path:
        value = value[key]
    return value


KINDS = {
    "prometheus": Kind(Prometheus, "gapless-prometheus.yaml", {
        "window": _window("prometheus.yml", "storage", "tsdb", "out_of_order_time_window")}),
    "victoriametrics": Kind(VictoriaMetrics, "gapless-victoriametrics.yaml", loses=True),
    "victorialogs": Kind(VictoriaLogs, "gapless-victorialogs.yaml", loses=True),
    "cortex": Kind(Cortex, "gapless-cortex.yaml", {
        "limits": _window("cortex.yaml", "limits")}),
    "jaeger": Kind(Jaeger, "gapless-jaeger.yaml", {"storage": "badger"}, {"storage": "badger"},
                   loses=True),
}
NAMES = tuple(KINDS)
METRICS = ("prometheus", "victoriametrics", "cortex")
