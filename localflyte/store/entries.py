"""Entries: the rows of an index, each read with suspicion: what it is, and which digests it needs to be given out."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any
from typing import NamedTuple

import msgpack

from localflyte.store.blobs import is_digest
from localflyte.store.index import Index
from localflyte.store.index import Row
from localflyte.store.record import DamagedRecordError
from localflyte.store.record import OtherSchemaError
from localflyte.store.record import Record
from localflyte.store.record import unpack_code
from localflyte.store.record import unpack_record

__all__ = ("CODE", "Entry", "Kind", "list_entries", "read_entry")

CODE = "code:"  # what the key of a row begins with that says what a version was made of
ROW_BYTES = 200  # that a row takes beyond its key and value: its columns, and its place in three indexes of the database


class Kind(Enum):
    #: a result that can be given out
    RECORD = "record"
    #: what a version was made of
    CODE = "code"
    #: a whole record of another version of localflyte
    OTHER_SCHEMA = "other schema"
    #: what was written as a record, or as the parts of a version, and is not whole
    DAMAGED = "damaged"
    #: what no version of localflyte writes
    FOREIGN = "foreign"


class Entry(NamedTuple):
    row: Row
    """As it was listed, but without its value."""
    kind: Kind
    size: int
    """The bytes it takes in the index."""
    needs: frozenset[str] = frozenset()
    """The digests of blobs, and of the parts of its version; of another schema all digests in it, since what they mean is not known."""
    record: Record | None = None
    """Without its outputs: who lists a store holds all of its entries."""
    problem: str = ""

    @property
    def task(self) -> str:
        return self.record.task if self.record else self.row.tag

    @property
    def code(self) -> str:
        """The digest of the parts of its version; empty if that is not known."""
        return self.record.code if self.record else ""

    @property
    def blobs(self) -> frozenset[str]:
        """The digests of the blobs that a record names."""
        return self.needs - {self.code}

    @property
    def digest(self) -> str:
        """The digest that the row lies under; empty for what is foreign."""
        key = self.row.key.removeprefix(CODE)
        return key if is_digest(key) else ""


def list_entries(index: Index, tag: str | None = None) -> Iterator[Entry]:
    """List what an index holds.

    :param tag: only what was stored for this task
    :raises UnusableIndexError: if it cannot be read
    """
    return map(read_entry, index.rows(tag))


def read_entry(row: Row) -> Entry:
    """Look into a row."""
    key, value, bare = row.key, row.value, row._replace(value=b"")
    size = ROW_BYTES + 2 * len(key) + len(value)
    digest = key.removeprefix(CODE)
    if not is_digest(digest):
        return Entry(bare, Kind.FOREIGN, size, problem=f"row {row.number} of the index is none of localflyte's")
    try:
        if key.startswith(CODE):
            unpack_code(value, digest)
            return Entry(bare, Kind.CODE, size)
        record = unpack_record(value, key)
    except DamagedRecordError as error:
        return Entry(bare, Kind.DAMAGED, size, problem=str(error))
    except OtherSchemaError as error:
        return Entry(bare, Kind.OTHER_SCHEMA, size, frozenset(_digests(msgpack.unpackb(value[32:]))), problem=str(error))
    needs = frozenset(record.blobs | ({record.code} if record.code else set()))
    return Entry(bare, Kind.RECORD, size, needs, record._replace(outputs=()))


def _digests(fields: Any) -> Iterator[str]:
    """Find everything that could be the name of a blob."""
    ahead = [fields]
    while ahead:
        found = ahead.pop()
        if isinstance(found, dict):
            ahead += [*found.keys(), *found.values()]
        elif isinstance(found, list | tuple):
            ahead += found
        elif is_digest(found):
            yield found
