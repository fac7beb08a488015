"""Transfer: entries of a store into an archive, and out of one again: every digest and record of it is checked on its way in."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from localflyte.store.archive import BLOBS
from localflyte.store.archive import CODE
from localflyte.store.archive import RECORDS
from localflyte.store.archive import Archive
from localflyte.store.archive import ArchiveError
from localflyte.store.archive import DamagedArchiveError
from localflyte.store.archive import Member
from localflyte.store.archive import Writer
from localflyte.store.archive import create_archive
from localflyte.store.archive import open_archive
from localflyte.store.blobs import Blobs
from localflyte.store.blobs import CorruptBlobError
from localflyte.store.blobs import open_regular
from localflyte.store.disk import ForeignRowError
from localflyte.store.entries import CODE as CODE_ROW
from localflyte.store.entries import Entry
from localflyte.store.entries import list_entries
from localflyte.store.index import Index
from localflyte.store.layout import Layout
from localflyte.store.record import ROW_BYTES
from localflyte.store.record import DamagedRecordError
from localflyte.store.record import OtherSchemaError
from localflyte.store.record import Record
from localflyte.store.record import unpack_code
from localflyte.store.record import unpack_record
from localflyte.store.uses import Uses

__all__ = ("Exported", "Imported", "export_entries", "import_archive")


class Exported(NamedTuple):
    entries: int = 0
    blobs: int = 0
    bytes: int = 0
    problems: tuple[str, ...] = ()
    """What was left out, since it is damaged."""


class Imported(NamedTuple):
    entries: int = 0
    """The results that were taken in."""
    known: int = 0
    """Those that the store has already, or a newer one of the same key."""
    blobs: int = 0
    bytes: int = 0
    """Blobs that the store did not have, and what they take."""
    other_schema: int = 0
    """Those of another version of localflyte, which are left out."""
    problems: tuple[str, ...] = ()
    """What else was left out, and why."""


def export_entries(layout: Layout, target: str, *, wanted: Callable[[Entry], bool] | None = None) -> Exported:
    """Write entries to an archive.

    :param target: a folder, or the name of a tar file
    :param wanted: which; all by default
    :raises ArchiveError: if something else is there
    :raises UnusableIndexError: if the index cannot be read
    :raises OSError: if something cannot be read or written
    """
    if os.path.commonpath([os.path.realpath(target), os.path.realpath(layout.root)]) == os.path.realpath(layout.root):
        raise ArchiveError(f"{target} lies in the store; name a place outside of {layout.root}")
    index, uses = Index(layout.index), Uses(layout.live)
    try:
        with create_archive(target) as writer:
            return _Export(index, Blobs(layout.blobs), uses).run(writer, wanted)
    finally:
        uses.end()
        index.close()


def import_archive(layout: Layout, source: str, *, max_bytes: int, overwrite: bool = False) -> Imported:
    """Take entries in from an archive. What is damaged, or of another shape, is left out and told.

    :param max_bytes: that it may declare
    :param overwrite: replace newer entries of the same key as well
    :raises ArchiveError: if there is none, or it declares more; nothing that can be given out was taken in then
    :raises UnusableIndexError: if the index cannot be written
    :raises OSError: if the store cannot be written
    """
    archive = open_archive(source, max_bytes)
    index, uses = Index(layout.index), Uses(layout.live)
    try:
        return _Import(index, Blobs(layout.blobs), uses, overwrite=overwrite).run(archive)
    finally:
        uses.end()
        index.close()


class _Export:
    def __init__(self, index: Index, blobs: Blobs, uses: Uses) -> None:
        self._index = index
        self._blobs = blobs
        self._uses = uses
        self._checked: dict[str, str] = {}

    def run(self, writer: Writer, wanted: Callable[[Entry], bool] | None) -> Exported:
        keys, problems = [], []
        code: set[str] = set()
        blobs: set[str] = set()
        for entry in list_entries(self._index):
            if entry.record is None or (wanted is not None and not wanted(entry)):
                continue
            self._uses.note(entry.digest)  # from now on no sweep removes it
            problem = next(filter(None, map(self._check, sorted(entry.blobs))), "")
            if problem:
                problems.append(f"a result of {entry.task} is left out: {problem}")
                continue
            keys.append(entry.digest)
            blobs |= entry.blobs
            code |= {entry.code} - {""}
        size = sum(self._write_blob(writer, digest) for digest in sorted(blobs))
        for kind, prefix, digests in ((CODE, CODE_ROW, code), (RECORDS, "", set(keys))):
            for digest in sorted(digests):
                value = self._value(prefix + digest)
                if value is not None:
                    writer.add(kind, digest, len(value), io.BytesIO(value))
                    size += len(value)
        return Exported(len(keys), len(blobs), size, tuple(problems))

    def _value(self, key: str) -> bytes | None:
        with suppress(ForeignRowError):
            return self._index.get(key)
        return None

    def _write_blob(self, writer: Writer, digest: str) -> int:
        """:return: its size"""
        with open_regular(self._blobs.path(digest)) as file:
            size = os.fstat(file.fileno()).st_size
            writer.add(BLOBS, digest, size, file)
        return size

    def _check(self, digest: str) -> str:
        """:return: what is wrong with a blob"""
        if digest not in self._checked:
            self._checked[digest] = ""
            try:
                self._blobs.check(digest)
            except CorruptBlobError as error:
                self._checked[digest] = str(error)
        return self._checked[digest]


class _Import:
    def __init__(self, index: Index, blobs: Blobs, uses: Uses, *, overwrite: bool) -> None:
        self._index = index
        self._blobs = blobs
        self._uses = uses
        self._overwrite = overwrite
        self._problems: list[str] = []
        #: the blobs that were looked at, and whether each is as it should be
        self._sound: dict[str, bool] = {}
        self._new: list[str] = []
        self._bytes = 0
        self._entries = self._known = self._other_schema = 0

    def run(self, archive: Archive) -> Imported:
        self._uses.begin()  # no sweep removes what is new from now on
        self._each(archive, self._take_blob, BLOBS)
        self._blobs.settle(self._new)
        self._each(archive, self._take_row, CODE, RECORDS)
        problems = [*dict.fromkeys(self._problems), *(f"{name!r} is no member of an archive" for name in sorted(archive.refused))]
        return Imported(self._entries, self._known, len(self._new), self._bytes, self._other_schema, tuple(problems))

    def _each(self, archive: Archive, take: Callable[[Member], None], *kinds: str) -> None:
        try:
            for member in archive.members(*kinds):
                take(member)
        except DamagedArchiveError as error:  # what came before is whole
            self._problems.append(str(error))

    def _take_blob(self, member: Member) -> None:
        digest = member.digest
        try:
            self._blobs.check(digest)
            os.utime(self._blobs.path(digest))  # as new as one written now, so that a sweep leaves it
            self._sound[digest] = True
            return
        except (CorruptBlobError, OSError):
            self._sound[digest] = False
        try:
            self._blobs.put_stream(member.data, digest)
        except CorruptBlobError as error:
            self._problems.append(f"a blob is left out: {error}")
            return
        self._sound[digest] = True
        self._new.append(digest)
        self._bytes += member.size

    def _is_sound(self, digest: str) -> bool:
        if digest not in self._sound:
            self._sound[digest] = False
            with suppress(CorruptBlobError):
                self._blobs.check(digest)
                self._sound[digest] = True
        return self._sound[digest]

    def _take_row(self, member: Member) -> None:
        if member.size > ROW_BYTES:
            self._problems.append(f"{member.kind}/{member.digest} is left out: it has {member.size:,} bytes, and {ROW_BYTES:,} is the most")
            return
        value = member.data.read(member.size)
        try:
            if member.kind == CODE:
                unpack_code(value, member.digest)
                self._index.set(f"{CODE_ROW}{member.digest}", value)
            else:
                self._take_record(unpack_record(value, member.digest), value)
        except DamagedRecordError as error:
            self._problems.append(f"{member.kind}/{member.digest} is left out: {error}")
        except OtherSchemaError:
            self._other_schema += 1

    def _take_record(self, record: Record, value: bytes) -> None:
        missing = [digest for digest in sorted(record.blobs) if not self._is_sound(digest)]
        if missing:
            self._problems.append(f"a result of {record.task} is left out: blob {missing[0][:12]} of it is missing or damaged")
            return
        made = self._stored(record.key)
        if made is not None and (made >= record.made if not self._overwrite else made == record.made):
            self._known += 1
            return
        self._uses.note(record.key)
        self._index.set(record.key, value, tag=record.task)
        self._entries += 1

    def _stored(self, key: str) -> float | None:
        """:return: when what the store has for a key was made; ``None`` if that is nothing, or of no use"""
        try:
            value = self._index.get(key)
            return None if value is None else unpack_record(value, key).made
        except (DamagedRecordError, ForeignRowError):
            return None
        except OtherSchemaError:
            return float("inf")
