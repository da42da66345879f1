"""Usage: launch.py FD,FD,… PROGRAM [ARGS...]

Becomes the program, with the descriptors handed over as systemd does: from 3 on, LISTEN_FDS says
how many there are, LISTEN_PID whom they are for.
"""

import fcntl
import os
import sys

FIRST = 3
# Copies are made above this, so that none is overwritten before its turn.
OUT_OF_THE_WAY = 64


def main():
    copies = [fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
              for number in sys.argv[1].split(",")]
    for offset, number in enumerate(copies):
        os.dup2(number, FIRST + offset, inheritable=True)
    os.environ["LISTEN_FDS"] = str(len(copies))
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(sys.argv[2], sys.argv[2:])


main()
