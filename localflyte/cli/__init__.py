"""The entry point of the command line; importing it loads nothing."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ("main",)


def main(args: Sequence[str] | None = None) -> int:
    """Run the ``localflyte`` command line.

    :param args: the arguments, those of this process by default
    :return: the exit code, as listed by ``localflyte run --help``
    """
    import sys

    try:
        if args is None and sys.argv[1:2] == ["run"] and not {"-h", "--help"}.intersection(sys.argv):
            # The fork server comes up on another core while this process loads what it needs itself.
            from localflyte.launch.start import start_early

            start_early(sys.executable)
        from localflyte.cli.app import run_command_line

        return run_command_line(args)
    except KeyboardInterrupt:  # so early that nothing is there yet to say it better
        return 130
