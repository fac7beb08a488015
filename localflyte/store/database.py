"""Database: diskcache's SQLite file, looked at before diskcache sees it. What is in it is data, never configuration.

diskcache makes attributes and PRAGMAs of whatever it finds in its Settings table, and waits up to a minute to open a
database that somebody holds.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
import time
from contextlib import closing
from contextlib import suppress
from typing import Any

from diskcache import Cache

from localflyte.store.disk import BytesDisk
from localflyte.store.private import check_folder
from localflyte.store.private import create_file
from localflyte.store.private import make_folder

__all__ = ("BUSY_SECONDS", "FILE", "ForeignSchemaError", "is_damaged", "open_database")

FILE = "cache.db"
BESIDE = ("-journal", "-wal", "-shm")  # what SQLite keeps beside it
BUSY_SECONDS = 1.0  # the wait is on the engine's loop; a write of another engine takes under a millisecond
AGAIN = 0.002  # seconds between two tries
SETTINGS: dict[str, Any] = {
    "statistics": 0,
    "tag_index": 1,
    "eviction_policy": "none",
    "size_limit": 1 << 60,
    "cull_limit": 0,
    "sqlite_auto_vacuum": 1,
    "sqlite_cache_size": 1 << 13,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,  # a mapped file that somebody truncates is SIGBUS for the engine; unmapped it is an error
    "sqlite_synchronous": 1,
    "sqlite_trusted_schema": 0,
    "disk_min_file_size": 1 << 15,
    "disk_pickle_protocol": 0,  # nothing is pickled
}
_COUNTERS = ("count", "size", "hits", "misses")  # diskcache.core.METADATA, which it reads from the database always
_KNOWN = {"Settings", "Cache", "Cache_key_raw", "Cache_expire_time", "Cache_tag_rowid", "sqlite_autoindex_Settings_1"}
_TRIGGER = re.compile(
    r"CREATE TRIGGER Settings_\w+ AFTER (INSERT|DELETE|UPDATE) ON Cache FOR EACH ROW BEGIN"
    r" UPDATE Settings SET value = value( [+-] (1|NEW\.size|OLD\.size))+ WHERE key = \"(count|size)\"; END"
)


class _Impatient(Cache):  # type: ignore[misc]
    """A cache that gives up opening where another would try again for a minute, and hold up whoever waits for it."""

    _is_opening = True

    def __init__(self, folder: str, **options: Any) -> None:
        super().__init__(folder, **options)
        self._is_opening = False

    @property
    def _sql(self) -> Any:
        execute = super()._sql
        return _told_otherwise(execute) if self._is_opening else execute


def _told_otherwise(execute: Any) -> Any:
    """:return: what raises, for a database that is locked, the same error with another text: diskcache goes by that"""
    give_up = time.monotonic() + BUSY_SECONDS

    def run(*statement: Any) -> Any:
        while True:
            try:
                return execute(*statement)
            except sqlite3.OperationalError as error:
                # Two that open at once are told so without a wait: SQLite waits for no one who begins or ends the log of changes.
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise sqlite3.OperationalError(f"{error}, and was when it was opened") from error
            time.sleep(AGAIN)

    return run


class ForeignSchemaError(sqlite3.DatabaseError):
    """Raised when a database has tables, views or triggers that are not diskcache's."""


def open_database(folder: str) -> Any:
    """Open the database in a folder, both made if they are not there.

    :raises PermissionError: if the folder or the file is not ours alone
    :raises sqlite3.OperationalError: if it cannot be written, or somebody holds it
    :raises sqlite3.DatabaseError: if it is damaged, or is not diskcache's
    """
    if os.path.expandvars(os.path.expanduser(folder)) != folder:
        raise PermissionError(f"{folder} has a '~' or '$' in it, which diskcache would replace; set LOCALFLYTE_HOME to another folder")
    make_folder(folder)
    check_folder(folder)
    path = os.path.join(folder, FILE)
    with suppress(FileExistsError):
        os.close(create_file(path, 0o600))  # SQLite gives the files beside it the same mode
    for each in (path, *(f"{path}{ending}" for ending in BESIDE)):
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(each).st_mode):
                raise PermissionError(f"{each} is no regular file; remove it")
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        _vet(connection)
    return _Impatient(folder, disk=BytesDisk, timeout=BUSY_SECONDS, **SETTINGS)


def is_damaged(folder: str) -> bool:
    """Look again at a database that seemed to be damaged: a single read that the disk refuses looks the same to SQLite."""
    try:
        with closing(sqlite3.connect(os.path.join(folder, FILE), timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            rows: list[Any] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            return rows != [("ok",)]
    except sqlite3.OperationalError:  # a trouble of the moment
        return False
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return True


def _vet(connection: sqlite3.Connection) -> None:
    """Make sure that opening the database does nothing but open it, and that it can be written.

    :raises sqlite3.Error: if it is damaged, foreign, read-only or held by somebody
    """
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA auto_vacuum = FULL")  # of a new one: what follows writes its first page, and after that it is too late
    connection.execute("BEGIN IMMEDIATE")
    rows = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    for kind, name, sql in rows:
        ours = _TRIGGER.fullmatch(sql or "") if kind == "trigger" else kind in ("table", "index") and name in _KNOWN
        if not ours or "virtual" in (sql or "").lower():
            raise ForeignSchemaError(f"it holds a {kind} {name!r}, which is not ours")
    if any(name == "Settings" for _, name, _ in rows):
        for key, value in connection.execute("SELECT key, value FROM Settings").fetchall():
            if key not in _COUNTERS and (key not in SETTINGS or (type(value), value) != (type(SETTINGS[key]), SETTINGS[key])):
                connection.execute("DELETE FROM Settings WHERE key IS ?", (key,))
    connection.execute("COMMIT")
