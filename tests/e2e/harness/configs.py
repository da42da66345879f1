"""YAML for the tests: the shapes that most of them share; the rest is written out in the test."""

import yaml

from harness.items import SIGNALS

# Short intervals, so that a test sees a whole outage in seconds.
RETRY_INTERVAL = 1.0
HOLD = 1.0
QUICK = {"retry_interval": "1s", "retry_gap": "200ms", "hold": "1s"}


def exporter_id(backend, name):
    return f"{'otlp' if backend.protocol == 'grpc' else 'otlphttp'}/{name}"


def exporter(backend, **settings):
    """An exporter's section for a backend without TLS."""
    scheme = "" if backend.protocol == "grpc" else "http://"
    return {"endpoint": scheme + backend.endpoint, "tls": {"insecure": True}, **settings}


def pass_through(backend, signals=SIGNALS, processors=(), **settings):
    """receiver -> exporter, one pipeline per signal."""
    name = exporter_id(backend, "only")
    pipelines = {signal: {"receivers": ["otlp"], "processors": list(processors),
                          "exporters": [name]} for signal in signals}
    return yaml.safe_dump({"exporters": {name: exporter(backend, **settings)},
                           "processors": {processor: {} for processor in processors},
                           "service": {"pipelines": pipelines}})


def failover(*levels, signals=SIGNALS, connector=None, exporters=None, processors=None):
    """receiver -> [processors] -> failover/<signal> -> a pipeline and an exporter per level.

    The levels are backends, most wanted first, named primary, secondary, third.
    connector: settings over the quick ones; exporters: settings of every exporter.
    """
    names = [exporter_id(backend, name)
             for backend, name in zip(levels, ("primary", "secondary", "third"))]
    config = {"exporters": {}, "connectors": {}, "processors": processors or {}}
    pipelines = {}
    for name, backend in zip(names, levels):
        config["exporters"][name] = exporter(backend, **(exporters or {}))
    for signal in signals:
        connector_id = f"failover/{signal}"
        config["connectors"][connector_id] = {
            "priority_levels": [[name] for name in names], **QUICK, **(connector or {})}
        pipelines[f"{signal}/ingress"] = {"receivers": ["otlp"],
                                          "processors": list(processors or {}),
                                          "exporters": [connector_id]}
        for name in names:
            pipelines[f"{signal}/{name.split('/')[1]}"] = {"receivers": [connector_id],
                                                           "exporters": [name]}
    config["service"] = {"pipelines": pipelines}
    return yaml.safe_dump(config, sort_keys=False)


def durable(text, directory, **settings):
    """The same configuration with every queue in journals below the directory."""
    config = yaml.safe_load(text)
    storage = {"directory": str(directory), "create_directory": True, **settings}
    config.setdefault("extensions", {})["file_storage"] = storage
    config["service"]["extensions"] = ["file_storage", *config["service"].get("extensions", ())]
    for section in (config["exporters"], config.get("connectors", {})):
        for component in section.values():
            component.setdefault("sending_queue", {})["storage"] = "file_storage"
    return yaml.safe_dump(config, sort_keys=False)
