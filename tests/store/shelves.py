"""A store with entries in it, made without an engine: what each holds and when it was used is up to the test."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgpack

from localflyte.spec.packed import Ref
from localflyte.store.blobs import Blobs
from localflyte.store.index import Index
from localflyte.store.keys import Key
from localflyte.store.layout import Layout
from localflyte.store.record import StoredRef
from localflyte.store.record import StoredValue
from localflyte.store.record import pack_code
from localflyte.store.record import pack_record

DAY = 86400.0


def digest_of(name: str) -> str:
    """The key of an entry that a test calls by a short name."""
    return hashlib.sha256(name.encode()).hexdigest()


class Shelves:
    """A store whose entries a test calls by short names."""

    def __init__(self, home: Path) -> None:
        self.layout = Layout(str(home))
        self.layout.prepare()
        self.blobs = Blobs(self.layout.blobs)
        self.index = Index(self.layout.index)

    def add(
        self,
        name: str,
        *blobs: bytes,
        used: float = 30 * DAY,
        task: str = "env.task",
        run: str = "r1",
        code: Any = None,
        age: float = DAY,
        **shown: Any,
    ) -> str:
        """Store an entry that was used that many seconds ago.

        :param age: of its blobs, in seconds
        :return: its key
        """
        key = Key(
            digest_of(name), task, {"task": task, "version": "1"}, shown={each: msgpack.packb(value) for each, value in shown.items()}
        )
        files = [(f"f{number}".encode(), self.put(data, age), False) for number, data in enumerate(blobs)]
        refs = [StoredRef(Ref("dir", "/made/here"), "dir", files, [])] if files else []
        digest = ""
        if code is not None:
            digest, body = pack_code(code)
            self.index.set(f"code:{digest}", body)
            self.set_times(f"code:{digest}", 30 * DAY)
        value = pack_record(key, [StoredValue(b"\x01", b"", refs)], run=run, action="a0", seconds=1.5, code=digest)
        self.index.set(key.digest, value, tag=task)
        self.set_times(key.digest, used)
        return key.digest

    def put(self, data: bytes, age: float = DAY) -> str:
        """Store a blob, as if that many seconds ago."""
        digest = self.blobs.put(data)
        os.utime(self.blobs.path(digest), (time.time() - age,) * 2)
        return digest

    def set_times(self, key: str, age: float) -> None:
        at = time.time() - age
        self.sql("UPDATE Cache SET store_time = ?, access_time = ? WHERE key = ?", at, at, key)

    def sql(self, query: str, *values: Any) -> Any:
        return self.index._open()._sql(query, values).fetchall()

    def keys(self) -> set[str]:
        return {row.key for row in self.index.rows()}

    def has(self, *names: str) -> list[bool]:
        """Whether each of these entries is there."""
        keys = self.keys()
        return [digest_of(name) in keys for name in names]

    def blobs_there(self) -> set[bytes]:
        return {path.read_bytes() for path in Path(self.layout.blobs).glob("??/*")}

    def path(self, data: bytes) -> Path:
        """Where a blob lies."""
        return Path(self.blobs.path(hashlib.sha256(data).hexdigest()))

    def damage(self, data: bytes) -> Path:
        path = self.path(data)
        path.chmod(0o600)
        path.write_bytes(b"damaged" + data[7:])
        return path

    def close(self) -> None:
        self.index.close()


def files_below(*folders: str | Path) -> set[str]:
    """The names of all files in folders."""
    return {path.name for path in files_in(folders)}


def files_in(folders: Iterable[str | Path]) -> list[Path]:
    return [path for folder in folders for path in Path(folder).rglob("*") if path.is_file()]
