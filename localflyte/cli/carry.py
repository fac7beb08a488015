"""Carry: ``localflyte cache export`` and ``cache import``, entries from one machine to another."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from localflyte.cli.cache import HELP_NAMES
from localflyte.cli.cache import counted
from localflyte.cli.cache import find_store
from localflyte.cli.cache import on_store
from localflyte.cli.cache import tell_nothing_stored
from localflyte.cli.exits import ExitCode
from localflyte.cli.exits import StoreCode
from localflyte.cli.exits import say
from localflyte.cli.selection import run_option
from localflyte.cli.selection import select
from localflyte.cli.selection import task_option
from localflyte.observe.text import size
from localflyte.settings import load_settings
from localflyte.store.layout import Layout
from localflyte.store.transfer import export_entries
from localflyte.store.transfer import import_archive

__all__ = ("export", "import_")

SHOWN = 10  # problems that are told one by one


@click.command(context_settings=HELP_NAMES)
@click.argument("target", metavar="TARGET", type=click.Path())
@task_option
@run_option
@on_store
def export(target: str, task: str | None, run: str | None) -> int:
    """Write entries to a folder or a tar file.

    TARGET is a folder, or a file that ends with .tar, .tar.gz or .tgz. `localflyte cache import` takes it in on another machine; a folder
    can also be named as cache_tier. A folder that is one already is added to.
    """
    settings = load_settings()
    layout = find_store(settings)
    if layout is None:
        tell_nothing_stored(settings)
        return ExitCode.USAGE
    selection = select(layout, task, run)
    if selection.hint:
        say(f"nothing is exported: {selection.hint}")
        return ExitCode.USAGE
    found = export_entries(layout, target, wanted=selection)
    print(f"Exported {counted(found.entries, 'entry')} and {counted(found.blobs, 'blob')} ({size(found.bytes)}) to {target}.")
    return _tell(found.problems)


@click.command("import", context_settings=HELP_NAMES)
@click.argument("source", metavar="SOURCE", type=click.Path())
@click.option("--overwrite", is_flag=True, help="Replace entries of the same key also if those here are newer.")
@on_store
def import_(source: str, overwrite: bool) -> int:
    """Take entries from a folder or a tar file into the store.

    Every digest is checked, and what is damaged is left out. Whoever imports trusts who made the entries, as with code: nothing tells
    whether a result is what its task would have returned.
    """
    settings = load_settings()
    layout = Layout(str(settings.home))
    if not os.path.lexists(source):
        raise click.UsageError(f"there is no {source!r}")
    layout.prepare()
    found = import_archive(layout, source, max_bytes=settings.cache_max_bytes, overwrite=overwrite)
    print(f"Imported {counted(found.entries, 'entry')}; {counted(found.blobs, 'blob')} ({size(found.bytes)}) came with them.")
    if found.known:
        print(f"Left as they are here: {counted(found.known, 'entry')}, the same or newer.")
    if found.other_schema:
        print(f"Left out: {counted(found.other_schema, 'entry')} of another version of localflyte.")
    return _tell(found.problems)


def _tell(problems: Sequence[str]) -> int:
    for problem in problems[:SHOWN]:
        say(problem)
    if len(problems) > SHOWN:
        say(f"and {len(problems) - SHOWN:,} more were left out")
    return StoreCode.DAMAGED if problems else StoreCode.SOUND
