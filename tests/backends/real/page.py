"""The configurations of docs/guides/backends.md, and the shapes that the cases make of them."""

import copy
import re

import yaml

from harness.collector import ROOT

PAGE = ROOT / "docs" / "guides" / "backends.md"


def block(name):
    """The YAML block of the page whose first line is `# name`."""
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        if text.startswith(f"# {name}\n"):
            return yaml.safe_load(text)
    raise AssertionError(f"{PAGE.name} prints no {name}")


class Config:
    """The page's failover configuration of a backend, aimed at stores; then a shape of it.

    The first exporter is that of store a. `text` is the YAML.
    """

    def __init__(self, name, folder, stores):
        self.tree = block(name)
        self.tree["extensions"]["file_storage"]["directory"] = str(folder)
        # The collector of the harness listens on an address of its own.
        del self.tree["receivers"]
        for exporter, store in zip(self._exporters, stores):
            self._aim(exporter, store.endpoint)
        self._drop_the_rest(len(stores))

    @property
    def _exporters(self):
        return list(self.tree["exporters"].values())

    @property
    def text(self):
        return yaml.safe_dump(self.tree, sort_keys=False)

    def _aim(self, exporter, endpoint):
        exporter["endpoint"] = re.sub(r"[\w-]+:\d+", endpoint, exporter["endpoint"])

    def _drop_the_rest(self, count):
        """With one store, the second level goes."""
        for name in list(self.tree["exporters"])[count:]:
            del self.tree["exporters"][name]
            levels = self.tree["connectors"]["failover"]["priority_levels"]
            levels.remove([name])
            pipelines = self.tree["service"]["pipelines"]
            for id_, pipeline in list(pipelines.items()):
                if name in pipeline["exporters"]:
                    del pipelines[id_]

    def changed(self, work):
        """A copy that work(copy) has changed."""
        other = copy.copy(self)
        other.tree = copy.deepcopy(self.tree)
        work(other)
        return other

    # Shapes.

    def direct(self):
        """Without the connector: every exporter behind the receiver, each with its own queue. One
        exporter is the plain pipeline, two are a fan-out."""
        def work(config):
            tree = config.tree
            queue = tree.pop("connectors")["failover"]["sending_queue"]
            for exporter in config._exporters:
                exporter["sending_queue"] = copy.deepcopy(queue)
            pipelines = tree["service"]["pipelines"]
            (id_, ingress), *_ = pipelines.items()
            ingress["exporters"] = list(tree["exporters"])
            tree["service"]["pipelines"] = {id_: ingress}
        return self.changed(work)

    def failover(self, **settings):
        """With other settings of the connector; None takes a key away."""
        def work(config):
            section = config.tree["connectors"]["failover"]
            for key, value in settings.items():
                section.pop(key, None)
                if value is not None:
                    section[key] = value
        return self.changed(work)

    def without_backfill(self):
        return self.failover(backfill=None)

    def without_batch(self):
        def work(config):
            del config.tree["processors"]
            for pipeline in config.tree["service"]["pipelines"].values():
                pipeline.pop("processors", None)
        return self.changed(work)

    def exporter(self, **settings):
        """With other settings of the first exporter."""
        return self.changed(lambda config: config._exporters[0].update(settings))

    def path(self, path):
        """With another path in the first exporter's endpoint."""
        def work(config):
            exporter = config._exporters[0]
            exporter["endpoint"] = re.sub(r"(//[^/]+).*", rf"\1{path}", exporter["endpoint"])
        return self.changed(work)

    def over_http(self, *stores):
        """With otlp_http exporters instead of otlp_grpc."""
        def work(config):
            tree = config.tree
            names = {name: name.replace("otlp_grpc", "otlp_http") for name in tree["exporters"]}
            for name, store in zip(list(tree["exporters"]), stores):
                section = tree["exporters"].pop(name)
                section["endpoint"] = f"http://{store.endpoint}"
                tree["exporters"][names[name]] = section
            for pipeline in tree["service"]["pipelines"].values():
                pipeline["exporters"] = [names.get(name, name) for name in pipeline["exporters"]]
            for connector in tree.get("connectors", {}).values():
                connector["priority_levels"] = [[names[name] for name in level]
                                                for level in connector["priority_levels"]]
        return self.changed(work)
