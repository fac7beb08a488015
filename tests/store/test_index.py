"""The index answers or says why not. Nothing that somebody planted in its database is acted on."""

from __future__ import annotations

import os
import pickle
import random
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import diskcache
import pytest

from localflyte.store import database
from localflyte.store.disk import ForeignRowError
from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose index holds one row, closed."""
    index = Index(str(tmp_path / "index"))
    index.set("key", b"value")
    index.close()
    return tmp_path / "index"


def plant(folder: Path, *statements: tuple[str, tuple[Any, ...]] | str) -> None:
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(*(statement if isinstance(statement, tuple) else (statement,)))


def read(folder: Path, key: str = "key") -> bytes | None:
    index = Index(str(folder))
    try:
        return index.get(key)
    finally:
        index.close()


class Tripwire:
    """A pickle of it makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_what_was_set_is_there_for_another_to_get(folder: Path) -> None:
    assert read(folder) == b"value"
    assert read(folder, "another") is None


def test_files_and_folder_are_private(folder: Path) -> None:
    index = Index(str(folder))
    index.set("another", b"value")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}
    index.close()
    assert modes == {"index": 0o700, "cache.db": 0o600, "cache.db-wal": 0o600, "cache.db-shm": 0o600}


def test_nothing_is_ever_evicted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diskcache.core.Cache.volume", lambda _: 1 << 62)
    index = Index(str(folder))
    for number in range(50):
        index.set(str(number), b"x" * 1000)
    assert all(index.get(str(number)) for number in range(50))
    index.close()


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 4, 99])
@pytest.mark.parametrize("filename", [None, "../victim"])
def test_a_planted_pickle_or_path_is_neither_read_nor_deleted(folder: Path, tmp_path: Path, mode: int, filename: str | None) -> None:
    victim = tmp_path / "victim"
    tripwire = tmp_path / "tripwire"
    victim.write_bytes(pickle.dumps(Tripwire(tripwire)))
    plant(folder, ("UPDATE Cache SET mode = ?, filename = ?, value = ?", (mode, filename, pickle.dumps(Tripwire(tripwire)))))
    if (mode, filename) == (1, None):
        assert read(folder) == victim.read_bytes()  # bytes, and nobody unpickles them
    else:
        with pytest.raises(ForeignRowError):
            read(folder)
    index = Index(str(folder))
    index.set("key", b"a new value")
    assert index.get("key") == b"a new value"
    index.close()
    assert victim.exists()
    assert not tripwire.exists()


def test_a_row_under_a_pickled_key_is_not_found(folder: Path, tmp_path: Path) -> None:
    key = pickle.dumps(Tripwire(tmp_path / "tripwire"))
    plant(folder, ("UPDATE Cache SET key = ?, raw = 0", (key,)))
    assert read(folder) is None
    assert not (tmp_path / "tripwire").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("get", "an attribute in place of a method"),
        ("close", 0),
        ("_disk", "x"),
        ("size_limit", 1),
        ("cull_limit", 1000),
        ("eviction_policy", "least-recently-used"),
        ("statistics", 1),
        ("tag_index", 1),
        ("sqlite_journal_mode", "off"),
        ("sqlite_synchronous", 0),
        ("sqlite_writable_schema", 1),
        ("sqlite_locking_mode", "exclusive"),
        ("sqlite_temp_store_directory", "'/tmp'"),
        ("sqlite_key; DROP TABLE Cache", 1),
        ("disk_min_file_size", 0),
        ("disk_fetch", "x"),
        ("count", "not a number"),
        ("sqlite_cache_size", "8192"),
        (b"get", 1),
    ],
)
def test_planted_settings_have_no_effect(folder: Path, key: Any, value: Any) -> None:
    plant(folder, ("INSERT OR REPLACE INTO Settings VALUES (?, ?)", (key, value)))
    index = Index(str(folder))
    assert index.get("key") == b"value"
    cache = index._cache
    assert "get" not in vars(cache)
    assert "close" not in vars(cache)
    assert isinstance(cache.disk, database.BytesDisk)
    assert "fetch" not in vars(cache.disk)
    for name, expected in database.SETTINGS.items():
        assert getattr(cache, name) == expected
    assert cache._sql("PRAGMA journal_mode").fetchall() == [("wal",)]
    assert cache._sql("PRAGMA locking_mode").fetchall() == [("normal",)]
    assert cache._sql("PRAGMA writable_schema").fetchall() == [(0,)]
    index.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER planted AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
        "CREATE TRIGGER Settings_x AFTER INSERT ON Cache FOR EACH ROW BEGIN UPDATE Settings SET value = 1; END",
        "CREATE TRIGGER planted AFTER DELETE ON Settings BEGIN DELETE FROM Cache; END",
        "CREATE VIEW planted AS SELECT * FROM Cache",
        "CREATE TABLE planted (x)",
        "CREATE INDEX planted ON Cache(abs(rowid))",
        "CREATE VIRTUAL TABLE planted USING fts5(x)",
    ],
)
def test_a_database_with_more_in_it_than_diskcaches_is_set_aside(folder: Path, statement: str) -> None:
    plant(folder, statement)
    index = Index(str(folder))
    with pytest.raises(UnusableIndexError, match="not ours; it is set aside as"):
        index.get("key")
    index.set("key", b"value")
    assert index.get("key") == b"value"
    index.close()
    assert len(list(folder.parent.glob("index.damaged-*"))) == 1


def test_a_view_in_place_of_the_table_is_set_aside(folder: Path) -> None:
    plant(folder, "DROP TABLE Cache", "CREATE VIEW Cache AS SELECT 1 AS rowid")
    with pytest.raises(UnusableIndexError, match="set aside"):
        read(folder)


@pytest.mark.parametrize("content", [b"this is no database at all" * 100, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_what_is_no_database_is_set_aside_and_a_fresh_one_made(folder: Path, content: bytes) -> None:
    (folder / "cache.db").write_bytes(content)
    with pytest.raises(UnusableIndexError, match="set aside"):
        read(folder)
    assert read(folder) is None
    assert next(folder.parent.glob("index.damaged-*/cache.db")).read_bytes() == content


@pytest.mark.parametrize("seed", range(20))
def test_flipped_bytes_never_give_a_wrong_kind_of_answer(folder: Path, seed: int) -> None:
    """Bytes, a miss, or one of the two errors: nothing else reaches the caller. (That the bytes are right is the record's to check.)"""
    chance = random.Random(seed)
    data = bytearray((folder / "cache.db").read_bytes())
    for _ in range(30):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    (folder / "cache.db").write_bytes(data)
    index = Index(str(folder))
    for _ in range(3):
        try:
            assert isinstance(index.get("key"), bytes | None)
            index.set("key", b"again")
        except (UnusableIndexError, ForeignRowError):
            continue
    index.close()


def test_a_database_that_somebody_holds_is_given_up_soon(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    index = Index(str(folder))
    index.get("key")
    with closing(sqlite3.connect(folder / "cache.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnusableIndexError, match="locked"):
            index.set("key", b"new")
        with pytest.raises(UnusableIndexError, match="locked"):
            index.get("key")  # which has to open it again
    index.set("key", b"new")
    index.close()
    assert read(folder) == b"new"


def test_one_that_somebody_takes_while_it_is_being_opened_is_not_tried_for_a_minute(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    look, holders = database._vet, []

    def looks_and_loses_it(connection: sqlite3.Connection) -> None:
        look(connection)
        holders.append(holder := sqlite3.connect(folder / "cache.db", isolation_level=None))
        holder.execute("PRAGMA locking_mode = EXCLUSIVE")
        holder.execute("BEGIN EXCLUSIVE")

    def tries_again(_: float) -> None:
        raise AssertionError("it is tried again")

    monkeypatch.setattr(database, "_vet", looks_and_loses_it)
    monkeypatch.setattr("diskcache.core.time.sleep", tries_again)
    with pytest.raises(UnusableIndexError, match="locked"):
        read(folder)
    for holder in holders:
        holder.close()


def test_one_that_only_seemed_to_be_damaged_stays_where_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite says so of every read that the disk refuses, and the next read may be fine."""

    def refuses(*_: Any) -> Any:
        raise sqlite3.DatabaseError("database disk image is malformed")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_vet", refuses)
        with pytest.raises(UnusableIndexError, match="at a second look is whole"):
            read(folder)
    assert read(folder) == b"value"


def test_a_database_that_cannot_be_written_is_an_error_and_not_a_hang(folder: Path) -> None:
    index = Index(str(folder))
    index.get("key")
    index._cache._sql("PRAGMA query_only = ON")
    with pytest.raises(UnusableIndexError, match="readonly"):
        index.set("key", b"new")
    index.close()


def test_after_a_failed_commit_the_next_write_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Diskcache stays inside the transaction whose COMMIT failed."""
    index = Index(str(folder))
    index.get("key")
    failed: list[str] = []
    real = diskcache.Cache._sql.fget

    def sql(self: Any) -> Any:
        execute = real(self)

        def run(statement: str, *args: Any) -> Any:
            if statement == "COMMIT" and not failed:
                failed.append(statement)
                raise sqlite3.OperationalError("database or disk is full")
            return execute(statement, *args)

        return run

    monkeypatch.setattr(diskcache.Cache, "_sql", property(sql))
    with pytest.raises(UnusableIndexError, match="disk is full"):
        index.set("key", b"lost")
    index.set("key", b"kept")
    index.close()
    assert read(folder) == b"kept"


def test_a_folder_that_is_removed_meanwhile_harms_nobody(folder: Path) -> None:
    index = Index(str(folder))
    index.get("key")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    try:
        index.set("another", b"value")
    except UnusableIndexError:
        index.set("another", b"value")
    assert index.get("another") == b"value"
    index.close()


@pytest.mark.parametrize("name", ["$HOME", "${HOME}x", "~"])
def test_a_folder_name_that_diskcache_would_rewrite_is_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = name if name == "~" else str(tmp_path / name)
    with pytest.raises(UnusableIndexError, match="set LOCALFLYTE_HOME"):
        Index(folder).get("key")


def test_a_folder_that_others_can_write_is_refused(folder: Path) -> None:
    folder.chmod(0o770)
    with pytest.raises(UnusableIndexError, match="chmod 700"):
        read(folder)


@pytest.mark.parametrize("name", ["cache.db", "cache.db-journal", "cache.db-wal", "cache.db-shm"])
@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_regular_file_is_not_opened(tmp_path: Path, kind: str, name: str) -> None:
    folder = tmp_path / "index"
    folder.mkdir(mode=0o700)
    path = folder / name
    match kind:
        case "link":
            path.symlink_to(tmp_path / "elsewhere")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)
    with pytest.raises(UnusableIndexError, match="no regular file"):
        Index(str(folder)).get("key")
    assert not (tmp_path / "elsewhere").exists()


def test_a_closed_index_opens_again(folder: Path) -> None:
    index = Index(str(folder))
    index.set("a", b"1")
    index.close()
    index.close()
    assert index.get("a") == b"1"
    index.close()


def test_the_newest_of_a_tag_come_first_and_only_so_many(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "index"))
    for number in range(5):
        index.set(f"key{number}", b"value", tag="a" if number != 3 else "b")
    newest = index.newest("a", 2)
    assert [row.key for row in newest] == ["key4", "key2"]
    assert index.newest("a", 9, after=newest[0].number) == []
    assert [row.key for row in index.newest("a", 9, after=newest[1].number)] == ["key4"]
    index.close()


def test_tags_are_listed_once_each(tmp_path: Path) -> None:
    index = Index(str(tmp_path / "index"))
    for number, tag in enumerate(["b", None, "a", "b", "c"]):
        index.set(f"key{number}", b"value", tag=tag)
    assert index.tags() == ["a", "b", "c"]
    assert index.tags(2) == ["a", "b"]
    index.close()


def test_a_tag_that_is_no_text_is_not_listed(folder: Path) -> None:
    plant(folder, "UPDATE Cache SET tag = x'00'")
    index = Index(str(folder))
    assert index.tags() == []
    index.close()
