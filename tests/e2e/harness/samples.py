"""The configurations of tests/configs, good and with their one mistake."""

import os
from pathlib import Path

import yaml

from harness.collector import ROOT, merge

FOLDER = ROOT / "tests" / "configs"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


class Sample:
    """One folder, its files copied to `target`, with its mistake if wanted."""

    def __init__(self, name, target, host="127.0.0.1", certs=None, mistake=False):
        self.source = FOLDER / name
        self.target = Path(target)
        listed = self.source / "files.txt"
        names = listed.read_text().split() if listed.exists() else ["config.yaml"]
        paths = [self.source / name for name in names]
        texts = {path.name: path.read_text() for path in paths}
        if mistake:
            file, old, new = self._mistake()
            assert f"{old}\n" in texts[file], f"{old!r} is no line of {file}"
            texts[file] = texts[file].replace(f"{old}\n", f"{new}\n", 1)
        self.files = list(texts)
        self.merged = {}
        for file, text in texts.items():
            (self.target / file).write_text(text)
            if not mistake:
                self.merged = merge(self.merged, yaml.safe_load(text))
        self.host = host
        values = {"host": host, "state": self.target, "certs": certs}
        variables = self.source / "env.txt"
        lines = variables.read_text().splitlines() if variables.exists() else []
        own = dict(line.format(**values).split("=", 1) for line in lines)
        self.env = {**os.environ, "XDG_STATE_HOME": str(self.target / "xdg"), **own}

    def _mistake(self):
        file, old, new = (self.source / "mistake.txt").read_text().splitlines()
        assert old[0] == "-" and new[0] == "+"
        return file, old[1:], new[1:]

    @property
    def expected(self):
        return (self.source / "expected.txt").read_text()

    @property
    def args(self):
        return [arg for file in self.files for arg in ("--config", file)]

    def addresses(self):
        """--set flags that move everything that listens to the host of this test."""
        sets = []
        for id_, receiver in self.merged["receivers"].items():
            for protocol, port in (("grpc", 4317), ("http", 4318)):
                if protocol in receiver["protocols"]:
                    sets.append(f"receivers.{id_}.protocols.{protocol}.endpoint={self.host}:{port}")
        ports = {"health_check": 13133, "zpages": 55679, "pprof": 1777}
        for id_ in self.merged["service"].get("extensions", []):
            if id_ in ports:
                sets.append(f"extensions.{id_}.endpoint={self.host}:{ports[id_]}")
        reader = f"{{pull: {{exporter: {{prometheus: {{host: {self.host}, port: 8888}}}}}}}}"
        sets.append(f"service.telemetry.metrics.readers=[{reader}]")
        return [arg for text in sets for arg in ("--set", text)]
