"""Index: bytes by text key, kept in a database of diskcache. It answers, or says at once why it cannot."""

from __future__ import annotations

import os
import uuid
from typing import Any

__all__ = ("Index", "UnusableIndexError")


class UnusableIndexError(Exception):
    """Raised when the index cannot be read or written; what it holds for this key is not known."""


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
        from sqlite3 import Error

        try:
            value: bytes | None = self._open().get(key)
        except (Error, OSError) as error:
            raise self._failed(error) from error
        return value

    def set(self, key: str, value: bytes) -> None:
        """:raises UnusableIndexError: if the index cannot be written"""
        from sqlite3 import Error

        from diskcache import Timeout

        try:
            self._open().set(key, value)  # without retry=True, which would try for ever what can never work
        except Timeout as error:
            raise self._failed(error.__context__ or error) from error
        except (Error, OSError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the database; the next use opens it again."""
        cache, self._cache = self._cache, None
        if cache is not None:
            cache.close()

    def _open(self) -> Any:
        if self._cache is None:
            from localflyte.store.database import open_database

            self._cache = open_database(self._folder)
        return self._cache

    def _failed(self, error: BaseException) -> UnusableIndexError:
        """Close, since a failure may have left a transaction open, and set a damaged database aside."""
        from sqlite3 import DatabaseError

        from localflyte.store.database import ForeignSchemaError

        self.close()
        if type(error) not in (DatabaseError, ForeignSchemaError):  # the subclasses are troubles of the moment: locked, full, read-only
            return UnusableIndexError(f"{self._folder}: {error}")
        aside = f"{self._folder}.damaged-{uuid.uuid4().hex[:8]}"
        try:
            os.rename(self._folder, aside)
        except OSError as problem:
            return UnusableIndexError(f"{self._folder}: {error}; it could not be set aside: {problem.strerror}")
        return UnusableIndexError(f"{self._folder}: {error}; it is set aside as {aside}, and the next run begins a fresh one")
