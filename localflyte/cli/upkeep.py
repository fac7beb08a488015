"""Upkeep: ``localflyte cache sweep``, ``verify`` and ``clear``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager

import click

from localflyte.cli.cache import HELP_NAMES
from localflyte.cli.cache import counted
from localflyte.cli.cache import find_store
from localflyte.cli.cache import on_store
from localflyte.cli.cache import tell_busy
from localflyte.cli.cache import tell_nothing_stored
from localflyte.cli.exits import StoreCode
from localflyte.cli.exits import say
from localflyte.cli.selection import Selection
from localflyte.cli.selection import read_span
from localflyte.cli.selection import run_option
from localflyte.cli.selection import select
from localflyte.cli.selection import task_option
from localflyte.observe.text import one_line
from localflyte.observe.text import size
from localflyte.settings import load_settings
from localflyte.spec.quantity import parse_bytes
from localflyte.store.sweep import WEEK
from localflyte.store.sweep import Swept
from localflyte.store.sweep import sweep as sweep_store
from localflyte.store.verify import Fault
from localflyte.store.verify import Verified
from localflyte.store.verify import verify as verify_store

__all__ = ("clear", "sweep", "verify")

SHOWN = 20  # faults that are listed one by one

dry_run_option = click.option("--dry-run", is_flag=True, help="Change nothing, and say what would be done.")


# -- sweep ------------------------------------------------------------------------------------------------------------


def _read_bytes(ctx: click.Context, param: click.Parameter, text: str | None) -> int | None:
    try:
        return None if text is None else parse_bytes(text)
    except ValueError:
        raise click.BadParameter(f'{text!r} is no size; write bytes, or something like "512Mi" or "5Gi"', ctx, param) from None


@click.command(context_settings=HELP_NAMES)
@click.option("--max-bytes", metavar="SIZE", callback=_read_bytes, help="What may be left, like 5Gi; cache_max_bytes by default.")
@click.option(
    "--max-age", metavar="SPAN", callback=read_span, help="Remove what nobody used for so long, like 30d; cache_max_age by default."
)
@dry_run_option
@on_store
def sweep(max_bytes: int | None, max_age: float | None, dry_run: bool) -> int:
    """Remove what is over the limits, what was used longest ago first, and what nothing names any more.

    What a run under way uses stays. Engines do the same after a run, ten minutes apart at most.
    """
    settings = load_settings()
    layout = find_store(settings)
    if layout is None:
        tell_nothing_stored(settings)
        return StoreCode.SOUND
    max_bytes = settings.cache_max_bytes if max_bytes is None else max_bytes
    max_age = settings.cache_max_age if max_age is None else max_age
    return _tell_swept(sweep_store(layout, max_bytes=max_bytes, max_age=max_age, dry_run=dry_run), dry_run=dry_run)


def _tell_swept(found: Swept, *, dry_run: bool) -> int:
    if found.busy:
        return tell_busy()
    counts = ((found.entries, "entry"), (found.blobs, "blob"), (found.litter, "leftover"))
    parts = [counted(count, noun) for count, noun in counts if count]
    *most, last = parts or ["nothing"]
    removed = f"{', '.join(most)} and {last}" if most else last
    freed = f" ({size(found.bytes)})" if found.bytes else ""
    print(f"{'Would remove' if dry_run else 'Removed'} {removed}{freed}.")
    print(f"{'Would be left' if dry_run else 'Left'}: {counted(found.left_entries, 'entry')} ({size(found.left_bytes)}).")
    if found.held:
        print(f"Of these {counted(found.held, 'entry')} would have gone too, but a run under way uses what they hold.")
    for problem in found.problems:
        say(problem)
    return StoreCode.DAMAGED if found.problems else StoreCode.SOUND


# -- clear ------------------------------------------------------------------------------------------------------------


@click.command(context_settings=HELP_NAMES)
@task_option
@run_option
@click.option("--older-than", metavar="SPAN", callback=read_span, help="Only entries that were not used for so long, like 12h or 30d.")
@click.option("--all", "everything", is_flag=True, help="All entries, and everything else that lies in the store.")
@dry_run_option
@on_store
def clear(task: str | None, run: str | None, older_than: float | None, everything: bool, dry_run: bool) -> int:
    """Remove the entries of a task or a run, old ones, or all.

    Several filters together mean the entries that all of them mean. What a run under way uses stays.
    """
    is_filtered = (task, run, older_than) != (None, None, None)
    if is_filtered == everything:
        raise click.UsageError(
            "--all means everything, and goes with no filter"
            if everything
            else "say what to remove: --task, --run, --older-than, or --all for everything"
        )
    settings = load_settings()
    layout = find_store(settings)
    if layout is None:
        tell_nothing_stored(settings)
        return StoreCode.SOUND
    selection = Selection() if everything else select(layout, task, run, older_than)
    if selection.hint:
        say(f"nothing is removed: {selection.hint}")
        return StoreCode.SOUND
    litter_age = 0.0 if everything else WEEK
    return _tell_swept(sweep_store(layout, wanted=selection, litter_age=litter_age, dry_run=dry_run), dry_run=dry_run)


# -- verify -----------------------------------------------------------------------------------------------------------


@click.command(context_settings=HELP_NAMES)
@dry_run_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@on_store
def verify(dry_run: bool, as_json: bool) -> int:
    """Read every byte of the store, and mend what is damaged.

    A damaged blob is set aside, and entries that cannot be given out are removed: they are computed again.

    Exits with 0 if nothing is damaged, 1 if something was and is mended, 4 if something is damaged still (as with --dry-run), and 8 if
    the store cannot be used.
    """
    settings = load_settings()
    layout = find_store(settings)
    found = Verified()
    if layout is not None:
        with _progress() as tell:
            found = verify_store(layout, repair=not dry_run, tell=tell)
    elif not as_json:
        tell_nothing_stored(settings)
        return StoreCode.SOUND
    if found.busy:
        return tell_busy()
    if as_json:
        faults = [fault._asdict() for fault in found.faults]
        print(json.dumps({**found._asdict(), "sound": found.is_sound, "mended": found.is_mended, "faults": faults}))
    else:
        print("\n".join(_verified_lines(found)))
    if found.is_sound:
        return StoreCode.SOUND
    return StoreCode.MENDED if found.is_mended else StoreCode.DAMAGED


def _verified_lines(found: Verified) -> Iterator[str]:
    entries, blobs = counted(found.entries, "entry"), counted(found.blobs, "blob")
    yield f"{entries} can be given out, and {blobs} ({size(found.bytes)}) {'is' if found.blobs == 1 else 'are'} as stored."
    for fault in found.faults[:SHOWN]:
        yield f"  {_mark(fault):<9} {fault.kind:<7} {fault.where[:12]:<13} {one_line(fault.text)}"
    if len(found.faults) > SHOWN:
        yield f"  and {len(found.faults) - SHOWN:,} more; --json lists all"
    if found.faults:
        left = sum(not fault.mended for fault in found.faults)
        outcome = f"{left:,} still there" if left else "all mended; what was removed is computed again"
        yield f"{counted(len(found.faults), 'fault')}, {outcome}."
    else:
        yield "Nothing is damaged."
    yield from _notes(found)


def _mark(fault: Fault) -> str:
    if not fault.mended:
        return "DAMAGED"
    return "set aside" if fault.kind in ("blob", "index") else "removed"


def _notes(found: Verified) -> Iterator[str]:
    if found.unused_blobs:
        unused = f"{counted(found.unused_blobs, 'blob')} ({size(found.unused_bytes)})"
        yield f"note: no entry names {unused}; `localflyte cache sweep` removes what no run is about to name"
    if found.other_schema:
        yield f"note: {counted(found.other_schema, 'entry')} of another version of localflyte, left alone"
    if found.without_code:
        entries = counted(found.without_code, "entry")
        yield f"note: {entries} can be given out, but what their code was made of is lost; `cache why` tells less of them"
    for path in found.strange[:SHOWN]:
        yield f"note: {one_line(path)} is none of localflyte's, and left alone"


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """Show how far it is, on a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn
    from rich.progress import DownloadColumn
    from rich.progress import Progress
    from rich.progress import TimeRemainingColumn

    shown = (BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    with Progress("reading", *shown, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
