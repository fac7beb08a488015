"""Cache: ``localflyte cache``, a group of commands that look into the store of results, and look after it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import ParamSpec

import click

from localflyte.cli.exits import StoreCode
from localflyte.cli.exits import is_gone
from localflyte.cli.exits import say
from localflyte.cli.lazy import LazyGroup
from localflyte.cli.near import near
from localflyte.settings import Settings
from localflyte.store.archive import ArchiveError
from localflyte.store.index import UnusableIndexError
from localflyte.store.layout import Layout

__all__ = ("COMMANDS", "HELP_NAMES", "cache", "counted", "find_store", "on_store", "tell_busy", "tell_nothing_stored")

P = ParamSpec("P")

HELP_NAMES = {"help_option_names": ["-h", "--help"]}
COMMANDS = {
    "stat": ("localflyte.cli.stock:stat", "Say how much is stored, for which tasks, and what bounds it."),
    "ls": ("localflyte.cli.stock:ls", "List entries, those used last first."),
    "why": ("localflyte.cli.why:why", "Say why a call was, or would be, taken from the cache or not."),
    "sweep": ("localflyte.cli.upkeep:sweep", "Remove what is over the limits, and what nothing names any more."),
    "verify": ("localflyte.cli.upkeep:verify", "Read every byte of the store, and mend what is damaged."),
    "clear": ("localflyte.cli.upkeep:clear", "Remove the entries of a task or a run, old ones, or all."),
    "export": ("localflyte.cli.carry:export", "Write entries to a folder or a tar file."),
    "import": ("localflyte.cli.carry:import_", "Take entries from a folder or a tar file into the store."),
}


def _unknown(name: str) -> str:
    close = near(name, COMMANDS)
    hint = f"did you mean {close!r}?" if close else f"the commands are {', '.join(COMMANDS)}"
    return f"there is no command 'cache {name}'; {hint}"


@click.group(cls=LazyGroup, lazy=COMMANDS, unknown=_unknown, invoke_without_command=True, context_settings=HELP_NAMES)
@click.pass_context
def cache(ctx: click.Context) -> None:
    """Look into the store of cached results, and look after it.

    Commands exit with 0 if all is well, 1 if something was damaged and is mended, 2 if the command was not understood, 4 if something is
    damaged still or was left out, and 8 if the store or an archive cannot be used.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def on_store(command: Callable[P, int]) -> Callable[P, int]:
    """Let a command end with one clear line where the store cannot be used."""

    @functools.wraps(command)
    def guarded(*args: P.args, **options: P.kwargs) -> int:
        try:
            return command(*args, **options)
        except (UnusableIndexError, ArchiveError) as error:
            say(str(error))
        except OSError as error:
            if is_gone(error):
                raise
            say(_told(error))
        return StoreCode.UNUSABLE

    return guarded


def find_store(settings: Settings) -> Layout | None:
    """:return: the store, or ``None`` if there is none yet
    :raises OSError: if it must not, or cannot, be used; for a permission the message says what mends it
    """
    layout = Layout(str(settings.home))
    if not os.path.lexists(layout.root):
        return None
    layout.prepare()
    return layout


def tell_nothing_stored(settings: Settings) -> None:
    """Say that there is no store."""
    say(f'nothing is stored yet: there is no {Layout(str(settings.home)).root}; a task with cache="auto" makes it')


def tell_busy() -> StoreCode:
    """Say that somebody else is at work on the store."""
    say("another process sweeps or verifies the store; try again when it is done")
    return StoreCode.UNUSABLE


def counted(count: int, noun: str, plural: str = "") -> str:
    """:return: a number with its noun: ``1 entry``, ``2,000 entries``"""
    if not plural:
        plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"


def _told(error: OSError) -> str:
    if error.errno is None:
        return str(error)  # one of ours, with the way out
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror}; make it possible, or set LOCALFLYTE_HOME to a folder that can be used"
