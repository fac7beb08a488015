"""The program of a fork server: `python -P localflyte/worker/__main__.py CONTROL LIFELINE`, two descriptors."""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX
from _socket import SOCK_STREAM
from _socket import socket

__all__ = ("main",)


def main() -> None:
    """Take the descriptors from the command line and serve until the engine is gone."""
    from localflyte.worker.forkserver import ForkServer

    ForkServer(socket(AF_UNIX, SOCK_STREAM, 0, int(sys.argv[1])), int(sys.argv[2])).run()


if __name__ == "__main__":
    # Found by path, so that it runs wherever the package lies: a checkout, a zip of site-packages, a mount in a container.
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, home)
    import localflyte._version  # noqa: F401 - this very package, whichever others are installed

    sys.path.remove(home)  # and nothing that lies beside it may shadow the standard library
    main()
