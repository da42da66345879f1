"""The real backends, built once from their Go modules into a cache; None where go is missing.

`python tests/backends/real/builds.py [NAME ...]` builds ahead of time.
GAPLESS_BACKENDS_CACHE names another cache.
"""

import fcntl
import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("GAPLESS_BACKENDS_CACHE", ROOT / "build" / "backends"))

# name: module, version, package inside it, build tags: to leave out what no test uses; those that
# its own Makefile sets (Cortex reads memory it must not without).
PROGRAMS = {
    "prometheus": ("github.com/prometheus/prometheus", "v0.316.0", "./cmd/prometheus",
                   "remove_all_sd"),
    "victorialogs": ("github.com/VictoriaMetrics/VictoriaLogs", "v1.52.2", "./app/victoria-logs",
                     ""),
    "victoriametrics": ("github.com/VictoriaMetrics/VictoriaMetrics", "v1.151.0",
                        "./app/victoria-metrics", ""),
    "jaeger": ("github.com/jaegertracing/jaeger", "v1.76.0", "./cmd/jaeger", ""),
    "cortex": ("github.com/cortexproject/cortex", "v1.21.1", "./cmd/cortex", "slicelabels"),
}


def _source(module, version):
    """The module's source, from the module cache (read-only)."""
    command = ["go", "mod", "download", "-json", f"{module}@{version}"]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Path(json.loads(out)["Dir"])


def _build(name, target):
    """Builds inside a copy: `go install` refuses modules that replace others."""
    module, version, package, tags = PROGRAMS[name]
    source = _source(module, version)
    copy = CACHE / "src" / name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy, copy_function=shutil.copyfile)
    fresh = target.with_name(f"{target.name}.new")
    command = ["go", "build", "-mod=mod", "-trimpath", "-tags", tags, "-o", fresh, package]
    subprocess.run(command, cwd=copy, env={**os.environ, "GOWORK": "off"}, check=True)
    fresh.rename(target)
    shutil.rmtree(copy)


@functools.cache
def program(name):
    """The path of a backend's binary; it is built when the cache lacks it."""
    target = CACHE / f"{name}-{PROGRAMS[name][1]}"
    if target.exists():
        return target
    if not shutil.which("go"):
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:  # tests run side by side
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            print(f"building {target.name}, some minutes", file=sys.stderr, flush=True)
            _build(name, target)
    return target


if __name__ == "__main__":
    for chosen in sys.argv[1:] or PROGRAMS:
        print(program(chosen) or "go is not installed", flush=True)
