"""Stock: what a store holds, counted: entries by task, bytes, what was used when, and what engines use now."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from dataclasses import field

from localflyte.store.entries import Entry
from localflyte.store.entries import Kind
from localflyte.store.entries import list_entries
from localflyte.store.index import Index
from localflyte.store.layout import Layout
from localflyte.store.listing import list_files
from localflyte.store.lock import is_held
from localflyte.store.uses import survey_uses

__all__ = ("Stock", "TaskStock", "count_stock")


@dataclass(slots=True)
class TaskStock:
    """What is stored for one task."""

    task: str
    entries: int = 0
    bytes: int = 0
    """What its entries take; a blob that several name counts for each."""
    seconds: float = 0.0
    """What it took to compute them all."""
    oldest_use: float = float("inf")
    """When the entry that was used longest ago was, in seconds since the epoch."""
    newest_use: float = 0.0


@dataclass(slots=True)
class Stock:
    tasks: dict[str, TaskStock] = field(default_factory=dict)
    index_bytes: int = 0
    blobs: int = 0
    blob_bytes: int = 0
    unnamed_blobs: int = 0
    unnamed_bytes: int = 0
    """Blobs that no entry names: a run is about to, or a sweep removes them."""
    other_schema: int = 0
    damaged: int = 0
    """Rows of the index that cannot be used."""
    engines: int = 0
    """How many use something now."""
    held: int = 0
    """How many entries those use."""
    swept: float | None = None
    """When the store was swept last."""

    @property
    def entries(self) -> int:
        return sum(task.entries for task in self.tasks.values())

    @property
    def bytes(self) -> int:
        return self.index_bytes + self.blob_bytes


def count_stock(layout: Layout) -> Stock:
    """Count what a store holds, without reading its blobs.

    :raises UnusableIndexError: if the index cannot be read
    """
    stock = Stock()
    sizes = {file.digest: file.size for file in list_files(layout.blobs)}
    named: set[str] = set()
    keys: set[str] = set()
    with closing(Index(layout.index)) as index:
        for entry in list_entries(index):
            _count(stock, entry, sizes)
            named |= entry.needs
            keys.add(entry.row.key)
    stock.blobs, stock.blob_bytes = len(sizes), sum(sizes.values())
    unnamed = sizes.keys() - named
    stock.unnamed_blobs, stock.unnamed_bytes = len(unnamed), sum(sizes[digest] for digest in unnamed)
    stock.held = len(survey_uses(layout.live).held & keys)
    stock.engines = _engines(layout.live)
    stock.swept = _time_of(layout.swept)
    return stock


def _count(stock: Stock, entry: Entry, sizes: dict[str, int]) -> None:
    stock.index_bytes += entry.size
    stock.other_schema += entry.kind is Kind.OTHER_SCHEMA
    stock.damaged += entry.kind in (Kind.DAMAGED, Kind.FOREIGN)
    if entry.record is None:
        return
    task = stock.tasks.setdefault(entry.task, TaskStock(entry.task))
    task.entries += 1
    task.bytes += entry.size + sum(sizes.get(digest, 0) for digest in entry.needs)
    task.seconds += entry.record.seconds
    task.oldest_use = min(task.oldest_use, entry.row.used)
    task.newest_use = max(task.newest_use, entry.row.used)


def _engines(folder: str) -> int:
    try:
        return sum(is_held(os.path.join(folder, name)) for name in os.listdir(folder))
    except FileNotFoundError:
        return 0


def _time_of(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return None
