"""Verify: read all of a store, every byte of it, and mend what can be mended: what is damaged goes, and is computed again.

An entry that is damaged is a miss whenever it is met; this is for knowing beforehand, and for disks that are not trusted any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from localflyte.store.blobs import Blobs
from localflyte.store.blobs import CorruptBlobError
from localflyte.store.entries import Entry
from localflyte.store.entries import Kind
from localflyte.store.entries import list_entries
from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError
from localflyte.store.layout import Layout
from localflyte.store.listing import StoredFile
from localflyte.store.listing import list_files
from localflyte.store.listing import list_strange
from localflyte.store.lock import take_lock

__all__ = ("Fault", "Verified", "verify")

OWN_FOLDERS = ("new", "damaged")  # what lies among the blobs besides blobs


class Fault(NamedTuple):
    """Something that is not as it was stored."""

    kind: str
    """``index``, ``row``, ``record``, ``code``, ``blob`` or ``entry``: the last for what is whole, and misses a blob."""
    where: str
    """The key, the digest or the path."""
    text: str
    mended: bool


class Verified(NamedTuple):
    entries: int = 0
    """Results that can be given out."""
    blobs: int = 0
    """Blobs that are what their names say."""
    bytes: int = 0
    """What those take."""
    faults: tuple[Fault, ...] = ()
    unused_blobs: int = 0
    """Whole blobs that no entry names; a sweep removes them."""
    unused_bytes: int = 0
    other_schema: int = 0
    """Entries of other versions of localflyte, which are left alone."""
    without_code: int = 0
    """Entries that are whole, but what their version was made of is not known any more."""
    strange: tuple[str, ...] = ()
    """Paths among the blobs that are none of localflyte's; they are left alone."""
    busy: bool = False
    """Nothing was done, since somebody sweeps or verifies just now."""

    @property
    def is_sound(self) -> bool:
        return not self.faults

    @property
    def is_mended(self) -> bool:
        return all(fault.mended for fault in self.faults)


def verify(layout: Layout, *, repair: bool = True, tell: Callable[[int, int], None] | None = None) -> Verified:
    """Check every row and every blob.

    :param repair: remove what cannot be given out, and set damaged blobs aside
    :param tell: called with the bytes that were read and those there are
    :raises UnusableIndexError: if the index cannot be used, also not afresh
    :raises OSError: if the store cannot be read, or has no locks
    """
    lock = take_lock(layout.swept) if repair else None
    if repair and lock is None:
        return Verified(busy=True)
    index = Index(layout.index)
    try:
        return _Verification(layout, index, repair=repair).run(tell)
    finally:
        index.close()
        if lock is not None:
            lock.release(keep=True)


class _Verification:
    def __init__(self, layout: Layout, index: Index, *, repair: bool) -> None:
        self._layout = layout
        self._index = index
        self._repair = repair
        self._blobs = Blobs(layout.blobs, writable=repair)
        self._aside = os.path.join(layout.blobs, "damaged")
        self._faults: list[Fault] = []
        #: what is wrong with each blob that is not as it should be; empty for those that are
        self._checked: dict[str, str] = {}

    def run(self, tell: Callable[[int, int], None] | None) -> Verified:
        entries = self._list()
        files = list(list_files(self._layout.blobs))
        done, total = 0, sum(file.size for file in files)
        for file in files:
            self._check_file(file)
            done += file.size
            if tell is not None:
                tell(done, total)
        self._remove_rows([entry for entry in entries if entry.kind in (Kind.DAMAGED, Kind.FOREIGN)])
        code = {entry.digest for entry in entries if entry.kind is Kind.CODE}
        records = [entry for entry in entries if entry.record is not None]
        broken = [entry for entry in records if self._lacks(entry)]
        self._remove_broken(broken)
        named = {digest for entry in entries for digest in entry.needs}
        whole = [file for file in files if not self._checked[file.digest]]
        unused = [file for file in whole if file.digest not in named]
        return Verified(
            entries=len(records) - len(broken),
            blobs=len(whole),
            bytes=sum(file.size for file in whole),
            faults=tuple(self._faults),
            unused_blobs=len(unused),
            unused_bytes=sum(file.size for file in unused),
            other_schema=sum(entry.kind is Kind.OTHER_SCHEMA for entry in entries),
            without_code=sum(entry.code not in code for entry in records if entry.code),
            strange=tuple(list_strange(self._layout.blobs, OWN_FOLDERS)),
        )

    def _list(self) -> list[Entry]:
        try:
            return [_bare(entry) for entry in list_entries(self._index)]
        except UnusableIndexError as error:
            if os.path.lexists(self._layout.index):
                raise
            # What was no database is set aside, as by whoever meets it; the next use begins a fresh one.
            self._faults.append(Fault("index", self._layout.index, str(error), mended=True))
            return list(list_entries(self._index))

    def _check_file(self, file: StoredFile) -> None:
        problem = self._check(file.digest)
        if problem:
            mended = not os.path.lexists(file.path)
            self._faults.append(Fault("blob", file.digest, f"it {problem}" + (f"; it is in {self._aside} now" if mended else ""), mended))

    def _check(self, digest: str) -> str:
        """:return: what is wrong with a blob; it is read once"""
        if digest not in self._checked:
            there = os.path.lexists(self._blobs.path(digest))
            try:
                self._blobs.check(digest)
            except CorruptBlobError as error:
                cause = error.__cause__
                why = f"cannot be read: {cause.strerror}" if isinstance(cause, OSError) else "has other content than was stored"
                self._checked[digest] = why if there else "is missing"
            else:
                self._checked[digest] = ""
        return self._checked[digest]

    def _lacks(self, entry: Entry) -> str:
        """:return: what is wrong with one of the blobs of an entry"""
        return next((f"blob {digest[:12]} of it {problem}" for digest in sorted(entry.blobs) if (problem := self._check(digest))), "")

    # -- mending ------------------------------------------------------------------------------------------------------

    def _remove_rows(self, entries: list[Entry]) -> None:
        mended = self._remove(entries)
        for entry in entries:
            kind = "row" if entry.kind is Kind.FOREIGN else "code" if entry.row.key != entry.digest else "record"
            self._faults.append(Fault(kind, entry.digest or str(entry.row.number), entry.problem, mended))

    def _remove_broken(self, entries: list[Entry]) -> None:
        mended = self._remove(entries)
        for entry in entries:
            record = entry.record
            text = f"{entry.task}" + (f", run {record.run}" if record else "")
            self._faults.append(Fault("entry", entry.digest, f"{text}: {self._lacks(entry)}", mended))

    def _remove(self, entries: list[Entry]) -> bool:
        """:return: whether they are gone; one that was used or replaced meanwhile is not what was looked at"""
        if self._repair and entries:
            with suppress(UnusableIndexError):
                self._index.delete([entry.row for entry in entries])
                return True
        return False


def _bare(entry: Entry) -> Entry:
    """Leave out what is large and not needed here."""
    if entry.record is None:
        return entry
    return entry._replace(record=entry.record._replace(shown={}, parts={}))
