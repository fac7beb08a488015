"""The program of a fork server: `python -P localflyte/worker/__main__.py CONTROL LIFELINE`, two descriptors.

In a container it is `... --contained` or `... --contained --limited`, and its stdin and stdout lead to the engine.
"""

from __future__ import annotations

import os
import sys
from _socket import AF_UNIX
from _socket import SOCK_STREAM
from _socket import socket

__all__ = ("main",)


OLDEST = (3, 11)


def main() -> None:
    """Take the descriptors from the command line and serve until the engine is gone."""
    if sys.argv[1] == "--contained":
        from localflyte.worker.hatch import run

        run(is_limited="--limited" in sys.argv)
    from localflyte.worker.forkserver import ForkServer

    ForkServer(socket(AF_UNIX, SOCK_STREAM, 0, int(sys.argv[1])), int(sys.argv[2])).run()


if __name__ == "__main__":
    # Found by path, so that it runs wherever the package lies: a checkout, a zip of site-packages, a mount in a container.
    if sys.version_info < OLDEST:
        sys.exit("localflyte needs Python 3.11 or newer in the image, and this one has Python %d.%d" % sys.version_info[:2])  # noqa: UP031
    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, home)
    import localflyte._version  # noqa: F401 - this very package, whichever others are installed

    sys.path.remove(home)  # and nothing that lies beside it may shadow the standard library
    if home not in sys.path and os.path.isdir(os.path.join(home, "msgpack")):
        sys.path.append(home)  # a folder with what we need and nothing else, in a container or for an environment made of an image
    main()
