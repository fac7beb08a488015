"""Stock: ``localflyte cache stat`` and ``cache ls``, what the store holds."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from heapq import nlargest
from typing import Any

import click

from localflyte.cli.cache import HELP_NAMES
from localflyte.cli.cache import counted
from localflyte.cli.cache import find_store
from localflyte.cli.cache import on_store
from localflyte.cli.cache import tell_nothing_stored
from localflyte.cli.columns import columns
from localflyte.cli.exits import StoreCode
from localflyte.cli.selection import run_option
from localflyte.cli.selection import select
from localflyte.cli.selection import task_option
from localflyte.cli.shown import UNKNOWN
from localflyte.cli.shown import show_inputs
from localflyte.observe.text import clock
from localflyte.observe.text import duration
from localflyte.observe.text import one_line
from localflyte.observe.text import size
from localflyte.settings import Settings
from localflyte.settings import explain_settings
from localflyte.settings import load_settings
from localflyte.store.archive import RECORDS
from localflyte.store.entries import Entry
from localflyte.store.entries import list_entries
from localflyte.store.index import Index
from localflyte.store.layout import Layout
from localflyte.store.listing import list_files
from localflyte.store.record import Record
from localflyte.store.stock import Stock
from localflyte.store.stock import count_stock
from localflyte.store.why import ago

__all__ = ("ls", "stat")

KEY_LETTERS = 12
TASK_LETTERS = 40
INPUT_LETTERS = 60


# -- stat -------------------------------------------------------------------------------------------------------------


@click.command(context_settings=HELP_NAMES)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@on_store
def stat(as_json: bool) -> int:
    """Say how much is stored, for which tasks, and what bounds it."""
    settings = load_settings()
    layout = find_store(settings)
    stock = Stock() if layout is None else count_stock(layout)
    if as_json:
        print(json.dumps(_stat_row(stock, settings)))
    elif layout is None:
        tell_nothing_stored(settings)
    else:
        print("\n".join(_stat_lines(stock, settings, layout)))
    return StoreCode.SOUND


def _stat_row(stock: Stock, settings: Settings) -> dict[str, Any]:
    origins = explain_settings()
    limits = {name: {"value": value, "from": origins.get(name, "default")} for name, value in _limits(settings).items()}
    row = asdict(stock) | {"store": Layout(str(settings.home)).root, "entries": stock.entries, "bytes": stock.bytes, **limits}
    return row | {"tasks": [asdict(task) for task in _by_size(stock)]}


def _limits(settings: Settings) -> dict[str, Any]:
    tier = settings.cache_tier
    return {
        "cache_max_bytes": settings.cache_max_bytes,
        "cache_max_age": settings.cache_max_age,
        "cache_tier": None if tier is None else str(tier),
    }


def _by_size(stock: Stock) -> list[Any]:
    return sorted(stock.tasks.values(), key=lambda task: (-task.bytes, task.task))


def _stat_lines(stock: Stock, settings: Settings, layout: Layout) -> Iterator[str]:
    now, origins = time.time(), explain_settings()

    def origin(name: str) -> str:
        return f"{name}, {'the default' if name not in origins else f'set by {origins[name]}'}"

    yield f"{layout.root}\n"
    yield _fact("entries", f"{stock.entries:,} of {counted(len(stock.tasks), 'task')}")
    yield _fact(
        "size", f"{size(stock.bytes)}: {size(stock.index_bytes)} in the index, {size(stock.blob_bytes)} in {counted(stock.blobs, 'blob')}"
    )
    share = stock.bytes / settings.cache_max_bytes
    used = f"; {share:.0%} of it is used" if share >= 0.01 else ""
    yield _fact("limit", f"{size(settings.cache_max_bytes)} ({origin('cache_max_bytes')}){used}")
    age = "none" if settings.cache_max_age is None else f"{_span(settings.cache_max_age)} since the last use"
    yield _fact("age limit", f"{age} ({origin('cache_max_age')})")
    yield _fact("tier", f"{_tier(settings)} ({origin('cache_tier')})" if settings.cache_tier else "none (cache_tier)")
    if stock.tasks:
        oldest, newest = min(task.oldest_use for task in stock.tasks.values()), max(task.newest_use for task in stock.tasks.values())
        first, last = ago(now - oldest), ago(now - newest)
        yield _fact("last used", first if first == last else f"between {first} and {last}")
    yield _fact("swept", ago(now - stock.swept) if stock.swept else "not yet")
    if stock.engines:
        yield _fact("in use", f"{counted(stock.held, 'entry')}, by {counted(stock.engines, 'process', 'processes')}")
    if stock.unnamed_blobs:
        blobs = f"{counted(stock.unnamed_blobs, 'blob')}, {size(stock.unnamed_bytes)}"
        yield _fact("spare", f"{blobs}, that no entry names; a sweep removes what no run is about to name")
    if stock.other_schema:
        yield _fact("others", f"{counted(stock.other_schema, 'entry')} of another version of localflyte, left alone")
    if stock.damaged:
        yield _fact("damaged", f"{counted(stock.damaged, 'row')} of the index; `localflyte cache verify` removes what cannot be used")
    if stock.tasks:
        yield ""
        yield from _task_table(stock, now)


def _fact(name: str, text: str) -> str:
    return f"  {name:<11}{text}"


def _span(seconds: float) -> str:
    return f"{seconds / 86400:g} days" if seconds >= 86400 else duration(seconds)


def _tier(settings: Settings) -> str:
    assert settings.cache_tier is not None
    count = sum(1 for _ in list_files(str(settings.cache_tier / RECORDS)))
    return (
        f"{settings.cache_tier} with {counted(count, 'entry')}"
        if settings.cache_tier.is_dir()
        else f"{settings.cache_tier}, which is not there"
    )


def _task_table(stock: Stock, now: float) -> Iterator[str]:
    rows = [
        (one_line(task.task), f"{task.entries:,}", size(task.bytes), duration(task.seconds), ago(now - task.newest_use))
        for task in _by_size(stock)
    ]
    head = ("TASK", "ENTRIES", "SIZE", "SAVES", "LAST USED")
    yield from columns(head, rows, right=("ENTRIES", "SIZE", "SAVES"), elastic="TASK")


# -- ls ---------------------------------------------------------------------------------------------------------------


@click.command(context_settings=HELP_NAMES)
@task_option
@run_option
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, metavar="N", help="How many to list; 20 by default.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@on_store
def ls(task: str | None, run: str | None, limit: int, as_json: bool) -> int:
    """List entries, those used last first.

    SAVES is what the result took to compute. `localflyte cache why` says what the key of an entry is made of.
    """
    settings = load_settings()
    layout = find_store(settings)
    if layout is None:
        if not as_json:
            tell_nothing_stored(settings)
        return StoreCode.SOUND
    selection = select(layout, task, run)
    count, newest = 0, []
    with closing(Index(layout.index)) as index:

        def chosen() -> Iterator[Entry]:
            nonlocal count
            for entry in list_entries(index):
                if entry.record is not None and selection(entry):
                    count += 1
                    yield entry

        newest = nlargest(limit, chosen(), key=lambda entry: (entry.row.used, entry.row.stored))
    sizes = {file.digest: file.size for file in list_files(layout.blobs)}
    if as_json:
        for entry in newest:
            print(json.dumps(_entry_row(entry, sizes)))
    elif newest:
        print("\n".join(_entry_table(newest, sizes)))
        if count > len(newest):
            print(f"{len(newest):,} of {count:,} entries; -n lists more.", file=sys.stderr)
    else:
        print(f"No entries: {selection.hint}" if selection.hint else "No entries.", file=sys.stderr)
    return StoreCode.SOUND


def _record_of(entry: Entry) -> Record:
    assert entry.record is not None
    return entry.record


def _bytes(entry: Entry, sizes: dict[str, int]) -> int:
    return entry.size + sum(sizes.get(digest, 0) for digest in entry.needs)


def _entry_row(entry: Entry, sizes: dict[str, int]) -> dict[str, Any]:
    record = _record_of(entry)
    return {
        "key": record.key,
        "task": record.task,
        "inputs": show_inputs(record),
        "made": record.made,
        "used": entry.row.used,
        "seconds": record.seconds,
        "bytes": _bytes(entry, sizes),
        "blobs": sorted(entry.blobs),
        "run": record.run,
        "action": record.action,
    }


def _entry_table(entries: list[Entry], sizes: dict[str, int]) -> Iterator[str]:
    now = time.time()
    rows = []
    for entry in entries:
        record = _record_of(entry)
        inputs = ", ".join(f"{name}={UNKNOWN if text is None else text}" for name, text in show_inputs(record).items())
        rows.append((
            record.key[:KEY_LETTERS],
            one_line(record.task, TASK_LETTERS),
            one_line(inputs, INPUT_LETTERS),
            clock(record.made, with_date=True),
            ago(now - entry.row.used),
            duration(record.seconds),
            size(_bytes(entry, sizes)),
            one_line(record.run, TASK_LETTERS),
        ))  # fmt: skip
    head = ("KEY", "TASK", "INPUTS", "MADE", "USED", "SAVES", "SIZE", "RUN")
    yield from columns(head, rows, right=("SAVES", "SIZE"), elastic="INPUTS")
