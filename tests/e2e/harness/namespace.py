"""Runs a test in network and mount namespaces of its own: fixed ports, host names, iptables."""

import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

_INSIDE = "GAPLESS_INSIDE_NAMESPACE"


def inside():
    return os.environ.get(_INSIDE) == "1"


@functools.cache
def permitted():
    """Whether this machine lets us make namespaces with a firewall; a plain container does not.
    GAPLESS_NAMESPACES=0 acts as if it did not."""
    if os.environ.get("GAPLESS_NAMESPACES") == "0":
        return False
    script = ("ip link set lo up && mount --make-rprivate / && "
              "iptables -A OUTPUT -d 127.9.9.9 -j DROP")
    command = ["unshare", "-n", "-m", "sh", "-c", script]
    return subprocess.run(command, capture_output=True).returncode == 0


def in_namespace(hosts):
    """Decorator. hosts: name -> address, put into /etc/hosts inside. Where namespaces are refused
    the test runs outside, says so, and finds inside() false."""

    def decorate(test):
        @functools.wraps(test)
        def wrapper(request, *args, **kwargs):
            if inside():
                return test(request, *args, **kwargs)
            if not permitted():
                print("namespaces or iptables are refused here: stopped peers with a full accept "
                      "backlog stand in for the firewall")
                return test(request, *args, **kwargs)
            return run_inside(request.node, hosts)

        return wrapper

    return decorate


def run_inside(node, hosts):
    folder = Path(tempfile.mkdtemp(prefix="gapless-namespace-"))
    table = folder / "hosts"
    lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in hosts.items())]
    table.write_text("\n".join(lines) + "\n")
    # /run and /var/lib are private too: the documented paths can be used as they stand.
    script = ('ip link set lo up && mount --make-rprivate / && mount --bind "$0" /etc/hosts && '
              'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/lib && exec "$@"')
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-m", "", node.nodeid]
    result = subprocess.run(["unshare", "-n", "-m", "sh", "-c", script, str(table), *pytest],
                            cwd=node.config.rootpath, env={**os.environ, _INSIDE: "1"},
                            capture_output=True, text=True)
    print(result.stdout, result.stderr)
    assert result.returncode == 0, "failed in its namespace, see the output"
