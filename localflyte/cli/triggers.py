"""Triggers: ``localflyte triggers``, the commands about what tasks declare with ``triggers=``."""

from __future__ import annotations

import click

from localflyte.cli.lazy import LazyGroup
from localflyte.cli.near import near

__all__ = ("COMMANDS", "triggers")

COMMANDS = {
    "list": ("localflyte.cli.timetable:list_", "List the triggers of a file: when each is due next, and what is wrong with it."),
    "serve": ("localflyte.cli.serving:serve", "Start the runs of a file's triggers when they are due."),
}


def _unknown(name: str) -> str:
    close = near(name, COMMANDS)
    hint = f"did you mean {close!r}?" if close else f"the commands are {', '.join(COMMANDS)}"
    return f"there is no command 'triggers {name}'; {hint}"


@click.group(
    cls=LazyGroup, lazy=COMMANDS, unknown=_unknown, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.pass_context
def triggers(ctx: click.Context) -> None:
    """List the triggers of a Python file, and start their runs when they are due."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
