"""Index: bytes by text key, kept in a database of diskcache. It answers, or says at once why it cannot."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

__all__ = ("Index", "Row", "UnusableIndexError")

PAGE = 500  # rows that are read at once
_COLUMNS = "rowid, key, value, tag, store_time, access_time, raw, mode, filename"


class UnusableIndexError(Exception):
    """Raised when the index cannot be read or written; what it holds for this key is not known."""


class Row(NamedTuple):
    """What the index holds for a key."""

    number: int
    key: str
    """Empty for a row that `Index.set` did not write."""
    value: bytes
    tag: str
    stored: float
    """When it was set, in seconds since the epoch."""
    used: float
    """When it was used last, as far as `Index.touch` was told."""


class Index:
    """To be used from one thread. A damaged database is set aside, and a fresh one is there at the next use.

    :param folder: where it lies; made, with its database, at the first use
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._cache: Any = None

    def get(self, key: str) -> bytes | None:
        """:return: what was set for the key
        :raises UnusableIndexError: if the index cannot be read
        :raises ForeignRowError: if what it holds for the key is not what `set` wrote
        """
        try:
            cache = self._open()
            # Cache.get looks for more than we ever set, and takes half as long again.
            row = cache._sql("SELECT mode, filename, value FROM Cache WHERE key = ? AND raw = 1", (key,)).fetchone()
        except _trouble() as error:
            raise self._failed(error) from error
        if row is None:
            return None
        value: bytes = cache.disk.fetch(*row, False)
        return value

    def set(self, key: str, value: bytes, tag: str | None = None) -> None:
        """:param tag: what to find it by, along with others
        :raises UnusableIndexError: if the index cannot be written
        """
        from diskcache import Timeout

        try:
            self._open().set(key, value, tag=tag)  # without retry=True, which would try for ever what can never work
        except Timeout as error:
            raise self._failed(error.__context__ or error) from error
        except _trouble() as error:
            raise self._failed(error) from error

    def rows(self, tag: str | None = None) -> Iterator[Row]:
        """List what it holds, a page at a time: others go on reading and writing meanwhile.

        :param tag: only what was set with this tag
        :raises UnusableIndexError: if the index cannot be read
        """
        last = -1 << 62
        where, having = ("tag = ? AND", (tag,)) if tag is not None else ("", ())
        query = f"SELECT {_COLUMNS} FROM Cache WHERE {where} rowid > ? ORDER BY rowid LIMIT {PAGE}"  # noqa: S608 - of constants alone
        while True:
            page = self._select(query, (*having, last))
            yield from map(_row, page)
            if len(page) < PAGE:
                return
            last = page[-1][0]

    def newest(self, tag: str, most: int, after: int = -1 << 62) -> list[Row]:
        """List what was set last under a tag, the newest first. It takes as long as what it lists, however much there is.

        :param most: how many rows
        :param after: only those whose number is greater
        :raises UnusableIndexError: if the index cannot be read
        """
        query = f"SELECT {_COLUMNS} FROM Cache WHERE tag = ? AND rowid > ? ORDER BY rowid DESC LIMIT ?"  # noqa: S608 - of constants alone
        return [_row(each) for each in self._select(query, (tag, after, most))]

    def tags(self, most: int = PAGE) -> list[str]:
        """List the tags in use, each found by a step of its own: there may be many rows of each.

        :param most: how many tags
        :raises UnusableIndexError: if the index cannot be read
        """
        tags: list[str] = []
        while len(tags) < most:
            query = "SELECT tag FROM Cache WHERE tag > ? AND typeof(tag) = 'text' ORDER BY tag LIMIT 1"
            found = self._select(query, (tags[-1] if tags else "",))
            if not found:
                break
            tags.append(found[0][0])
        return tags

    def touch(self, used: Mapping[str, float]) -> None:
        """Note when keys were used.

        :raises UnusableIndexError: if the index cannot be written
        """
        self._write("UPDATE Cache SET access_time = max(access_time, ?) WHERE key = ? AND raw = 1", [(at, key) for key, at in used.items()])

    def delete(self, rows: Iterable[Row]) -> int:
        """Remove rows that are still as they were when they were listed.

        :return: how many were removed
        :raises UnusableIndexError: if the index cannot be written
        """
        query = "DELETE FROM Cache WHERE rowid = ? AND store_time IS ? AND access_time IS ?"
        return self._write(query, [(row.number, row.stored, row.used) for row in rows])

    def compact(self) -> None:
        """Give the room of removed rows back to the filesystem; without this, what a log of changes takes stays taken.

        :raises UnusableIndexError: if the index cannot be written
        """
        self._write("PRAGMA wal_checkpoint(TRUNCATE)", [()], alone=True)

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        cache, self._cache = self._cache, None
        if cache is not None:
            cache.close()

    def _select(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            rows: list[Any] = self._open()._sql(query, values).fetchall()
        except _trouble() as error:
            raise self._failed(error) from error
        return rows

    def _write(self, query: str, many: list[tuple[Any, ...]], *, alone: bool = False) -> int:
        """:param alone: it cannot be part of a transaction
        :return: how many rows were changed
        """
        from diskcache import Timeout

        if not many:
            return 0
        try:
            cache = self._open()
            if alone:
                cache._sql(query).fetchall()
                return 0
            with cache._transact() as (sql, _):
                return sum(sql(query, values).rowcount for values in many)
        except Timeout as error:
            raise self._failed(error.__context__ or error) from error
        except _trouble() as error:
            raise self._failed(error) from error

    def _open(self) -> Any:
        if self._cache is None:
            from localflyte.store.database import open_database

            self._cache = open_database(self._folder)
        return self._cache

    def _failed(self, error: BaseException) -> UnusableIndexError:
        """Close, since a failure may have left a transaction open, and set a damaged database aside."""
        from sqlite3 import DatabaseError

        from localflyte.store.database import ForeignSchemaError
        from localflyte.store.database import is_damaged

        self.close()
        # What derives from DatabaseError is a trouble of the moment: locked, full, read-only.
        if type(error) not in (DatabaseError, ForeignSchemaError, UnicodeDecodeError):
            return UnusableIndexError(f"{self._folder}: {error}")
        if type(error) is DatabaseError and not is_damaged(self._folder):
            return UnusableIndexError(f"{self._folder}: {error}, and at a second look is whole; the next run uses it again")
        aside = f"{self._folder}.damaged-{uuid.uuid4().hex[:8]}"
        try:
            os.rename(self._folder, aside)
        except OSError as problem:
            return UnusableIndexError(f"{self._folder}: {error}; it could not be set aside: {problem.strerror}")
        return UnusableIndexError(f"{self._folder}: {error}; it is set aside as {aside}, and the next run begins a fresh one")


def _trouble() -> tuple[type[Exception], ...]:
    """:return: what a database raises that cannot be used; text in it that is damaged is no error of SQLite's"""
    from sqlite3 import Error

    return Error, OSError, UnicodeDecodeError


def _row(columns: tuple[Any, ...]) -> Row:
    number, key, value, tag, stored, used, raw, mode, filename = columns
    is_timed = isinstance(stored, int | float) and isinstance(used, int | float)
    ours = isinstance(key, str) and isinstance(value, bytes) and raw == mode == 1 and filename is None and is_timed
    tag = tag if isinstance(tag, str) else ""
    return Row(number, key if ours else "", value if ours else b"", tag, stored, used)
