"""Socket activation as systemd does it: sockets that outlive the processes that serve them.

Run as a program it becomes the command, with the descriptors from 3 on and the environment of
sd_listen_fds(3).
"""

import fcntl
import os
import socket
import sys

FIRST = 3


def listening(endpoint):
    """A socket that nobody accepts from yet; closed by whoever called."""
    host, port = endpoint.rsplit(":", 1)
    held = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((host.strip("[]"), int(port)))
    held.listen(1024)
    return held


def activation(sockets, command):
    """The command line that runs `command` with the sockets; their descriptors must be passed."""
    numbers = ",".join(str(held.fileno()) for held in sockets)
    return [sys.executable, __file__, numbers, *command]


def main():
    # Out of the way first: the places may be taken by the others.
    held = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 64) for number in sys.argv[1].split(",")]
    for place, descriptor in enumerate(held, FIRST):
        os.dup2(descriptor, place)
        os.close(descriptor)
    os.environ.update(LISTEN_FDS=str(len(held)), LISTEN_PID=str(os.getpid()),
                      LISTEN_FDNAMES=":".join("gapless" for _ in held))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
