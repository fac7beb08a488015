"""The entry point of the command line; importing it loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ("main",)


def main(args: Sequence[str] | None = None) -> int:
    """Run the ``localflyte`` command line.

    :param args: the arguments, those of this process by default
    :return: the exit code, as listed by ``localflyte run --help``
    """
    from localflyte.cli.app import run_command_line

    return run_command_line(args)
