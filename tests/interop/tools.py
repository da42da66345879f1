"""Other people's programs, built once under build/interop; None where no tool chain is."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "interop"
TELEMETRYGEN = ("github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen"
                "@v0.161.0")
H2SPEC = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible"


def _copy(name):
    """Builds happen on a copy, so that the sources stay clean."""
    target = BUILD / name
    shutil.copytree(HERE / name, target, dirs_exist_ok=True)
    return target


@functools.cache
def node_client():
    """send.mjs with its modules."""
    if not shutil.which("npm"):
        return None
    folder = _copy("node")
    if not (folder / "node_modules").exists():
        command = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run(command, cwd=folder, check=True)
    return folder / "send.mjs"


@functools.cache
def telemetrygen():
    if not shutil.which("go"):
        return None
    binary = BUILD / "bin" / "telemetrygen"
    if not binary.exists():
        env = {**os.environ, "GOBIN": str(binary.parent)}
        subprocess.run(["go", "install", TELEMETRYGEN], env=env, check=True)
    return binary


@functools.cache
def h2spec():
    """The conformance test of HTTP/2."""
    if not shutil.which("go"):
        return None
    binary = BUILD / "bin" / "h2spec"
    if not binary.exists():
        env = {**os.environ, "GOBIN": str(binary.parent), "GOFLAGS": "-mod=mod"}
        subprocess.run(["go", "install", H2SPEC], env=env, check=True)
    return binary


@functools.cache
def real_collector():
    """A plain OpenTelemetry Collector of components that gapless has, too."""
    if not shutil.which("go"):
        return None
    folder = _copy("collector")
    binary = BUILD / "bin" / "realcol"
    sources = max(path.stat().st_mtime for path in folder.iterdir())
    if not binary.exists() or binary.stat().st_mtime < sources:
        subprocess.run(["go", "build", "-mod=mod", "-o", binary, "."], cwd=folder, check=True)
    return binary
