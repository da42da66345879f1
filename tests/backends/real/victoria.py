"""VictoriaMetrics and VictoriaLogs: no acknowledgement is on their disk for the next seconds."""

import json
from collections import Counter

from real.points import METRIC
from real.store import Store


class _Victoria(Store):
    def command(self):
        return [f"-storageDataPath={self.data}", f"-httpListenAddr={self.host}:{self.port}",
                *self.options.get("flags", ())]


class VictoriaMetrics(_Victoria):
    program_name = "victoriametrics"
    signal = "metrics"
    port = 8428

    def stored(self):
        self.ask("/internal/force_flush")
        counts = Counter()
        match = {"match[]": f'{{__name__="{METRIC}"}}'}
        for line in self.ask("/api/v1/export", **match).text.splitlines():
            counts.update(int(value) for value in json.loads(line)["values"])
        return counts


class VictoriaLogs(_Victoria):
    program_name = "victorialogs"
    signal = "logs"
    port = 9428

    def stored(self):
        self.ask("/internal/force_flush")
        answer = self.ask("/select/logsql/query", query="* | fields _msg")
        return Counter(int(json.loads(line)["_msg"]) for line in answer.text.splitlines())
