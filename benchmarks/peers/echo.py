"""An echo over a Unix socket between two Python processes, with as many bytes each way as a call of a replica has.

It packs and unpacks nothing, waits for nothing but its socket, and does no work: what the system and the interpreter cost.
"""

from __future__ import annotations

import os
import socket
import sys
from time import perf_counter

__all__ = ("main",)

REQUEST = b"x" * 430
REPLY = b"x" * 40
BUFFER = 1 << 16


def main() -> None:
    """Measure as many round trips as the command line says."""
    calls = int(sys.argv[2])
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        while theirs.recv(BUFFER):
            theirs.sendall(REPLY)
        os._exit(0)
    theirs.close()
    seconds = []
    for _ in range(20 + calls):
        start = perf_counter()
        ours.sendall(REQUEST)
        ours.recv(BUFFER)
        seconds.append(perf_counter() - start)
    ours.close()
    os.waitpid(pid, 0)
    print(seconds[20:])


if __name__ == "__main__":
    main()
