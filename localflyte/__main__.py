"""``python -m localflyte FILE [ARGS]`` runs a script whose ``import flyte`` means localflyte; anything else is the command line."""

from __future__ import annotations

import os
import sys

__all__ = ("main",)


def main() -> int:
    """Run a script or the command line.

    :return: the exit code
    """
    args = sys.argv[1:]
    if args and os.path.isfile(args[0]):
        from localflyte.cli.script import run_script

        return run_script(args[0], args[1:])
    from localflyte.cli import main as command_line

    if not sys.flags.safe_path:
        # -m puts the current folder first, where a file of the person's called queue.py hides the standard library's.
        sys.path.append(sys.path.pop(0))
    return command_line()


if __name__ == "__main__":
    sys.exit(main())
