"""Sweep: what was used longest ago goes, once the store is over its limits; what a live engine uses stays.

    engine   begins its file of uses ... notes the key ... has the blobs there ... sets the record ... ends its file
    sweep    reads the clock and the uses, lists the rows, removes rows, lists them again, removes what none of them names

A blob that no record names may be of an engine that is about to name it. So none goes that is newer than this sweep, or than the
first of the engines at work; and since an engine makes the blobs it finds newer, each is looked at once more when it is out of reach.
A row that an engine turns out to use after all, having read it just before it was removed, is put back.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections import Counter
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from typing import NamedTuple

from localflyte.store.blobs import is_digest
from localflyte.store.disk import ForeignRowError
from localflyte.store.entries import Entry
from localflyte.store.entries import Kind
from localflyte.store.entries import list_entries
from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError
from localflyte.store.layout import Layout
from localflyte.store.listing import StoredFile
from localflyte.store.listing import list_files
from localflyte.store.lock import take_lock
from localflyte.store.private import make_folder
from localflyte.store.uses import Survey
from localflyte.store.uses import survey_uses

__all__ = ("WEEK", "Swept", "is_due", "sweep")

EVERY = 600.0  # seconds between two sweeps by engines: to count 100,000 entries takes seconds
SLACK = 60.0  # seconds by which the clock of an engine and that of a filesystem elsewhere may differ
WEEK = 7 * 86400.0  # that what was damaged stays, for people who want to look at it
BATCH = 200  # rows that are removed at once
TOLD = 5  # problems that are kept of many
_OF_USES = re.compile(r"\d+-[0-9a-f]{32}\Z")


class Swept(NamedTuple):
    """What a sweep came to."""

    entries: int = 0
    """The results that were removed."""
    blobs: int = 0
    litter: int = 0
    """What else was: drafts, locks and files of uses that killed engines left, and what was damaged long ago."""
    bytes: int = 0
    """What all that took."""
    held: int = 0
    """The results that would have gone if no run under way used them."""
    left_entries: int = 0
    left_bytes: int = 0
    problems: tuple[str, ...] = ()
    """Why something could not be removed."""
    busy: bool = False
    """Nothing was done, since somebody else sweeps."""


def is_due(layout: Layout) -> bool:
    """:return: whether the last sweep was a while ago"""
    try:
        return abs(time.time() - os.stat(layout.swept).st_mtime) > EVERY
    except FileNotFoundError:
        return True
    except OSError:
        return False


def sweep(
    layout: Layout,
    *,
    max_bytes: int | None = None,
    max_age: float | None = None,
    wanted: Callable[[Entry], bool] | None = None,
    litter_age: float = WEEK,
    dry_run: bool = False,
) -> Swept:
    """Remove what is over the limits, and what nothing names any more.

    :param max_age: seconds; results that were not used for longer go
    :param wanted: results that go in any case
    :param litter_age: seconds that what was damaged stays
    :param dry_run: remove nothing, and tell what would go
    :raises UnusableIndexError: if the index cannot be used; blobs are left alone then
    :raises OSError: if the store cannot be written, or has no locks
    """
    lock = None if dry_run else take_lock(layout.swept)
    if lock is None and not dry_run:
        return Swept(busy=True)
    index = Index(layout.index)
    try:
        return _Sweep(layout, index, dry_run=dry_run).run(max_bytes, max_age, wanted, litter_age)
    finally:
        index.close()
        if lock is not None:
            lock.release(keep=True)


class _Choice(NamedTuple):
    goes: list[Entry]
    held: int
    entries: int
    """How many there are, before anything goes."""


class _Sweep:
    def __init__(self, layout: Layout, index: Index, *, dry_run: bool) -> None:
        self._layout = layout
        self._index = index
        self._dry_run = dry_run
        self._now = time.time()
        self._bytes = 0
        self._problems: list[str] = []

    def run(self, max_bytes: int | None, max_age: float | None, wanted: Callable[[Entry], bool] | None, litter_age: float) -> Swept:
        before, since = self._begin()
        litter = self._end_uses(before)
        files = {file.digest: file for file in list_files(self._layout.blobs)}
        entries, meant = self._list(wanted)
        held = before.held | survey_uses(self._layout.live).held  # a row that is listed was noted before it was set
        choice = _choose(entries, files, since, held, self._oldest(max_age), max_bytes, meant)
        removed = self._remove_entries(choice.goes)
        kept = self._kept(entries, choice.goes)
        named = {digest for entry in kept for digest in entry.needs}
        spare = self._remove_code([entry for entry in kept if entry.kind is Kind.CODE and entry.digest not in named], since)
        blobs = [file for file in files.values() if file.digest not in named and self._remove_blob(file, since)]
        left = sum(file.size for file in files.values()) - sum(file.size for file in blobs) + sum(entry.size for entry in kept) - spare
        litter += self._clean(since, litter_age)
        if removed and not self._dry_run:
            with suppress(UnusableIndexError):  # somebody reads just now, and the room is given back another time
                self._index.compact()
        return Swept(
            entries=removed,
            blobs=len(blobs),
            litter=litter,
            bytes=self._bytes,
            held=choice.held,
            left_entries=choice.entries - removed,
            left_bytes=left,
            problems=tuple(self._problems),
        )

    def _list(self, wanted: Callable[[Entry], bool] | None = None) -> tuple[list[Entry], set[int]]:
        """List what there is, without what is large: a store may have more entries than an engine has memory for.

        :return: the entries, and the rows of those that are wanted to go
        """
        entries: list[Entry] = []
        meant: set[int] = set()
        same: dict[Any, Any] = {}
        for entry in list_entries(self._index):
            if wanted is not None and wanted(entry):
                meant.add(entry.row.number)
            row = entry.row._replace(tag=same.setdefault(entry.row.tag, entry.row.tag))
            entries.append(entry._replace(row=row, needs=same.setdefault(entry.needs, entry.needs), record=None, problem=""))
        return entries, meant

    def _kept(self, entries: list[Entry], goes: list[Entry]) -> list[Entry]:
        """:return: what is there after some were removed; with what engines have stored meanwhile, and without what others removed"""
        if goes and not self._dry_run:
            return self._list()[0]
        gone = {entry.row.number for entry in goes}
        return [entry for entry in entries if entry.row.number not in gone]

    # -- what is in use -----------------------------------------------------------------------------------------------

    def _begin(self) -> tuple[Survey, float]:
        """:return: what is in use, and the time since when unnamed blobs stay"""
        at = self._now
        if not self._dry_run:
            os.utime(self._layout.swept)  # the time of the last sweep, as the filesystem tells it
            at = os.stat(self._layout.swept).st_mtime
        now = time.time()
        found = survey_uses(self._layout.live)
        return found, min(at, found.since - SLACK) if found.since < now else at

    def _end_uses(self, found: Survey) -> int:
        """Give the index what killed engines have used, so that it counts as used last when it was."""
        if self._dry_run:
            return 0
        self._index.touch(found.over)
        if os.path.islink(self._layout.live):
            return 0
        return sum(self._remove_free(path) for path in found.files if _OF_USES.match(os.path.basename(path)))

    def _oldest(self, max_age: float | None) -> float:
        return self._now - max_age if max_age is not None else float("-inf")

    # -- what goes ----------------------------------------------------------------------------------------------------

    def _remove_entries(self, goes: list[Entry]) -> int:
        """:return: how many were removed"""
        self._bytes += sum(entry.size for entry in goes)
        if self._dry_run:
            return len(goes)
        return sum(self._remove_batch(goes[start : start + BATCH]) for start in range(0, len(goes), BATCH))

    def _remove_batch(self, batch: list[Entry]) -> int:
        held = survey_uses(self._layout.live).held
        batch = [entry for entry in batch if entry.digest not in held]
        values = {entry.row.key: self._value(entry) for entry in batch}
        removed = self._index.delete([entry.row for entry in batch])
        used = survey_uses(self._layout.live).held
        for entry in batch:
            value = values.get(entry.row.key)
            if entry.digest in used and value is not None and self._value(entry) is None:
                self._index.set(entry.row.key, value, tag=entry.row.tag)
                removed -= 1
        return removed

    def _value(self, entry: Entry) -> bytes | None:
        with suppress(ForeignRowError):
            return self._index.get(entry.row.key) if entry.digest else None
        return None

    def _remove_code(self, goes: list[Entry], since: float) -> int:
        """Remove the parts of versions that no record names.

        :return: the bytes that they took
        """
        old = [entry for entry in goes if max(entry.row.used, entry.row.stored) < since]
        size = sum(entry.size for entry in old)
        self._bytes += size
        if not self._dry_run:
            self._index.delete([entry.row for entry in old])
        return size

    def _remove_blob(self, file: StoredFile, since: float) -> bool:
        """:return: whether it was removed, and was not in the way of an engine that stores the same"""
        if file.changed >= since:
            return False
        if not self._dry_run:
            folder = os.path.join(self._layout.blobs, "new")
            aside = os.path.join(folder, uuid.uuid4().hex)
            try:
                make_folder(folder)
                os.rename(file.path, aside)
                if os.stat(aside).st_mtime >= since:  # an engine has found it meanwhile, and relies on it
                    os.rename(aside, file.path)
                    return False
                os.unlink(aside)
            except FileNotFoundError:
                return False
            except OSError as error:
                self._say(error)
                return False
        self._bytes += file.size
        return True

    # -- litter -------------------------------------------------------------------------------------------------------

    def _clean(self, since: float, litter_age: float) -> int:
        """:return: how much was removed that is no part of the store"""
        layout, old = self._layout, self._now - litter_age
        drafts = [entry for entry, info in _list(os.path.join(layout.blobs, "new")) if info.st_mtime < since]
        damaged = [entry for entry, info in _list(os.path.join(layout.blobs, "damaged")) if info.st_ctime <= old]
        indexes = [entry for entry, info in _list(layout.root) if entry.name.startswith("index.damaged-") and info.st_ctime <= old]
        count = sum(self._remove(entry) for entry in (*drafts, *damaged, *indexes))
        locks = [entry.path for entry, _ in _list(layout.turns) if is_digest(entry.name)]
        return count + (0 if self._dry_run else sum(map(self._remove_free, locks)))

    def _remove(self, entry: os.DirEntry[str]) -> bool:
        try:
            is_folder = entry.is_dir(follow_symlinks=False)
            size = sum(info.st_size for _, info in _list(entry.path)) if is_folder else entry.stat(follow_symlinks=False).st_size
            if not self._dry_run:
                shutil.rmtree(entry.path) if is_folder else os.unlink(entry.path)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._say(error)
            return False
        self._bytes += size
        return True

    def _remove_free(self, path: str) -> bool:
        """Remove a lock, if nobody holds it."""
        try:
            lock = take_lock(path)
        except OSError as error:
            self._say(error)
            return False
        if lock is not None:
            lock.release()
        return lock is not None

    def _say(self, error: OSError) -> None:
        if len(self._problems) < TOLD:
            self._problems.append(f"{error.filename} cannot be removed: {error.strerror}")


def _choose(
    entries: list[Entry],
    files: dict[str, StoredFile],
    since: float,
    held: Collection[str],
    oldest: float,
    max_bytes: int | None,
    meant: Collection[int],
) -> _Choice:
    """Choose what goes: what is meant to, what is too old, then what was used longest ago until the rest is small enough."""
    sizes = {file.digest: file.size for file in files.values()}
    sizes.update((entry.digest, entry.size) for entry in entries if entry.kind is Kind.CODE)
    results = [entry for entry in entries if entry.kind is not Kind.CODE]
    users = Counter(digest for entry in results for digest in entry.needs)
    total = sum(entry.size for entry in results) + sum(size for digest, size in sizes.items() if users[digest])
    total += sum(file.size for file in files.values() if not users[file.digest] and file.changed >= since)
    goes: list[Entry] = []
    kept: set[int] = set()

    def take(entry: Entry) -> None:
        nonlocal total
        if entry.digest in held:
            kept.add(entry.row.number)
            return
        goes.append(entry)
        users.subtract(entry.needs)
        total -= entry.size + sum(sizes.get(digest, 0) for digest in entry.needs if not users[digest])

    later = []
    for entry in results:
        is_foreign = entry.kind is Kind.FOREIGN  # it has no time that means anything, and goes only when it is meant to
        if entry.row.number in meant or (not is_foreign and entry.row.used < oldest):
            take(entry)
        elif not is_foreign:
            later.append(entry)
    for entry in sorted(later, key=lambda entry: entry.row.used):
        if max_bytes is None or total <= max_bytes:
            break
        take(entry)
    return _Choice(goes, len(kept), len(results))


def _list(folder: str) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    """List a folder that is ours, and none that a link leads to: what is listed is removed."""
    if os.path.islink(folder):
        return
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        with suppress(FileNotFoundError):
            yield entry, entry.stat(follow_symlinks=False)
