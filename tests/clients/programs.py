"""The client programs, one per SDK, built once under build/clients; and how each is started.

All of them take the same command line and print the same report: README.md.
"""

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build" / "clients"
# The tool that each needs, and what one installs to have it.
TOOLS = {"go": ("go",), "js": ("node", "npm"), "java": ("java", "mvn"), "rust": ("cargo",)}


@contextlib.contextmanager
def _locked():
    """Several workers of one run build each program once."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _digest(folder):
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return whole.hexdigest()


def _run(*command, folder, **env):
    """Runs a builder; its output is shown only when it fails."""
    done = subprocess.run(command, cwd=folder, env={**os.environ, **env}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout[-4000:]}"


def _go(folder):
    _run("go", "build", "-o", folder / "client", ".", folder=folder)


def _js(folder):
    _run("npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", folder=folder)


def _java(folder):
    _run("mvn", "--batch-mode", "--quiet", "package", folder=folder)


def _rust(folder):
    _run("cargo", "build", "--release", "--locked", folder=folder)


BUILDERS = {"go": _go, "js": _js, "java": _java, "rust": _rust}


@functools.cache
def built(sdk):
    """The folder of a built program; None when a tool that it needs is not installed."""
    if not all(map(shutil.which, TOOLS[sdk])):
        return None
    source, folder = HERE / sdk, BUILD / sdk
    with _locked():
        stamp, digest = BUILD / f"{sdk}.sha256", _digest(source)
        if not stamp.exists() or stamp.read_text() != digest:
            # Copies are new files to build tools that go by time.
            shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=shutil.copy)
            BUILDERS[sdk](folder)
            stamp.write_text(digest)
    return folder


@dataclass(frozen=True)
class Client:
    """One way in which a program sends. name: as in docs/guides/clients.md."""

    name: str
    sdk: str
    protocol: str
    sender: str = ""
    signals: tuple = ("traces", "metrics", "logs")

    def command(self):
        folder = built(self.sdk)
        start = {
            "go": [folder / "client"],
            "js": ["node", folder / "client.mjs"],
            "java": ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m",
                     "-cp", f"{folder}/target/classes:{folder}/target/lib/*", "Client"],
            "rust": [folder / "target" / "release" / "client"],
        }[self.sdk]
        words = [*map(str, start), "--protocol", self.protocol]
        return [*words, "--sender", self.sender] if self.sender else words

    @property
    def grpc(self):
        return self.protocol == "grpc"


CLIENTS = (
    Client("Go, gRPC", "go", "grpc"),
    Client("Go, HTTP", "go", "http"),
    Client("JavaScript, gRPC", "js", "grpc"),
    Client("JavaScript, HTTP", "js", "http"),
    Client("JavaScript, HTTP/JSON", "js", "json"),
    Client("Java, gRPC (okhttp)", "java", "grpc", "okhttp"),
    Client("Java, HTTP (okhttp)", "java", "http", "okhttp"),
    Client("Java, HTTP (JDK)", "java", "http", "jdk"),
    Client("Java, gRPC (grpc-java)", "java", "grpc", "channel"),
    Client("Rust, gRPC (tonic)", "rust", "grpc"),
    Client("Rust, HTTP (reqwest)", "rust", "http"),
)
