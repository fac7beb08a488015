"""Memo: finished results by key. A lookup returns what a success stored, or a miss; nothing here can fail a run.

A record is one bytes value in the index: 32 bytes of SHA-256, then msgpack. Values over INLINE_BYTES and the content
behind File and Dir lie beside it as blobs, which are durable before the record that names them.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import AsyncIterator
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any
from typing import Protocol

import anyio
import anyio.to_thread
import msgpack

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.run import RunRequest
from localflyte.store.blobs import Blobs
from localflyte.store.blobs import CorruptBlobError
from localflyte.store.content import Contents
from localflyte.store.content import local_path
from localflyte.store.keys import SCHEMA
from localflyte.store.keys import Key
from localflyte.store.keys import make_key

__all__ = ("Memo",)

INLINE_BYTES = 1 << 14


class _Run(Protocol):
    request: RunRequest
    folder: str

    def notice(self, text: str) -> None: ...


class Memo:
    """:param home: the folder of everything that is kept; opened at first use"""

    def __init__(self, home: str) -> None:
        self._root = os.path.join(home, "store")
        self._blobs = Blobs(os.path.join(self._root, "blobs"))
        self._contents = Contents()
        self._index: Any = None
        self._closed_for: str = ""
        self._turns: dict[str, tuple[anyio.Lock, int]] = {}

    async def key(self, run: _Run, invocation: Invocation) -> Key | None:
        """:return: the key of a call, or ``None`` where it cannot or should not be cached; the reason is said"""
        terms = invocation.plan.cache
        if run.request.disable_run_cache:
            return None
        if terms.problem:
            run.notice(f"{invocation.plan.task.name} is not cached: {terms.problem}")
            return None
        try:
            if any(value.refs for value in invocation.inputs.values()):
                return await anyio.to_thread.run_sync(make_key, invocation, self._contents)
            return make_key(invocation, self._contents)
        except OSError as error:
            run.notice(f"{invocation.plan.task.name} is not cached: an input cannot be read: {error}")
            return None

    @asynccontextmanager
    async def turn(self, key: Key) -> AsyncIterator[None]:
        """With ``serialize=True``, hold the key so that identical work is done once and the others find it done."""
        if not key.serialize:
            yield
            return
        lock, users = self._turns.get(key.digest, (anyio.Lock(), 0))
        self._turns[key.digest] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._turns.pop(key.digest)
            if users > 1:
                self._turns[key.digest] = (lock, users - 1)

    async def lookup(self, run: _Run, key: Key, action: str) -> tuple[Packed, ...] | None:
        """:return: the outputs that a success stored under the key, or ``None``"""
        if run.request.overwrite_cache:
            return None
        try:
            index = self._open()
            value = index.get(key.digest, retry=True) if index is not None else None
            if value is None:
                return None
            record = _read_record(value, key)
            if record is None:
                return None
            outputs = record["outputs"]
            if any(isinstance(row[0], str) or row[1] for row in outputs):
                return await anyio.to_thread.run_sync(self._give_out, outputs, os.path.join(run.folder, "data", action))
            return tuple([Packed(row[0], (), row[2]) for row in outputs])
        except Exception as error:  # noqa: BLE001 - a cache is a comfort: whatever is wrong with it, the task runs
            run.notice(f"a cached result could not be used and is computed again: {error}")
            return None

    async def commit(self, run: _Run, key: Key, outputs: Sequence[Packed], action: str) -> tuple[Packed, ...] | None:
        """Store the outputs of a success.

        :return: the outputs, or ``None`` when they were not stored; the reason is said
        """
        try:
            index = self._open()
            if index is None:
                return None
            heavy = any(value.refs or len(value.data) > INLINE_BYTES for value in outputs)
            rows = await anyio.to_thread.run_sync(self._take_in, outputs) if heavy else [[v.data, [], v.canonical] for v in outputs]
            record = {"schema": SCHEMA, "key": key.digest, "outputs": rows, "parts": dict(key.parts), "made": time.time(), "action": action}
            body = msgpack.packb(record)
            index.set(key.digest, hashlib.sha256(body).digest() + body, retry=True)
        except Exception as error:  # noqa: BLE001 - not being able to store costs time, never the result
            run.notice(f"results are not being cached: {type(error).__name__}: {error}")
            return None
        return tuple(outputs)

    def close(self) -> None:
        """Close the index."""
        if self._index is not None:
            self._index.close()
            self._index = None

    # -- inside -------------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        if self._index is None and not self._closed_for:
            from diskcache import Cache

            from localflyte.store.disk import BytesDisk

            try:
                _make_private(self._root)
                self._index = Cache(
                    os.path.join(self._root, "index"),
                    disk=BytesDisk,
                    timeout=5,
                    eviction_policy="none",
                    cull_limit=0,
                    size_limit=1 << 60,
                    statistics=0,
                    tag_index=0,
                    sqlite_mmap_size=1 << 26,
                )
            except Exception as error:
                self._closed_for = str(error)
                raise
        return self._index

    def _take_in(self, outputs: Sequence[Packed]) -> list[list[Any]]:
        rows: list[list[Any]] = []
        for value in outputs:
            data: bytes | str = self._blobs.put(value.data) if len(value.data) > INLINE_BYTES else value.data
            rows.append([data, [self._take_ref(ref) for ref in value.refs], value.canonical])
        return rows

    def _take_ref(self, ref: Ref) -> list[Any]:
        path = local_path(ref.path)
        if path is None:
            return [*ref, "elsewhere", []]
        if ref.kind == "file":
            digest, _ = self._blobs.put_file(path)
            return [*ref, "file", [["", digest]]]
        files = []
        for folder, _, names in os.walk(path):
            for name in sorted(names):
                full = os.path.join(folder, name)
                if stat.S_ISREG(os.lstat(full).st_mode):
                    files.append([os.path.relpath(full, path), self._blobs.put_file(full)[0]])
        return [*ref, "dir", files]

    def _give_out(self, rows: list[Any], folder: str) -> tuple[Packed, ...]:
        outputs = []
        for number, (data, refs, canonical) in enumerate(rows):
            body = self._blobs.get(data) if isinstance(data, str) else data
            given = [self._give_ref(ref, os.path.join(folder, f"o{number}", str(place))) for place, ref in enumerate(refs)]
            outputs.append(Packed(body, tuple(given), canonical))
        return tuple(outputs)

    def _give_ref(self, row: list[Any], folder: str) -> Ref:
        *fields, how, files = row
        ref = Ref(*fields)
        if how == "elsewhere":
            return ref
        target = os.path.join(folder, os.path.basename(ref.path.rstrip("/")) or "content")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        for relative, digest in files:
            path = os.path.normpath(os.path.join(target, relative)) if relative else target
            if relative and not path.startswith(target + os.sep):
                raise CorruptBlobError(f"a record names a file outside its folder: {relative!r}")
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            self._blobs.give_out(digest, path)
        if how == "dir":
            os.makedirs(target, mode=0o700, exist_ok=True)
        return ref._replace(path=target)


def _read_record(value: bytes, key: Key) -> dict[str, Any] | None:
    """:return: the record; ``None`` for one of another schema
    :raises CorruptBlobError: if it is damaged
    """
    body = value[32:]
    if hashlib.sha256(body).digest() != value[:32]:
        raise CorruptBlobError(f"the record of key {key.digest[:12]} is damaged")
    record: dict[str, Any] = msgpack.unpackb(body)
    if record.get("schema") != SCHEMA:
        return None
    if record["key"] != key.digest:
        raise CorruptBlobError(f"the record of key {key.digest[:12]} belongs to another key")
    return record


def _make_private(root: str) -> None:
    """:raises PermissionError: if the folder is not ours alone"""
    os.makedirs(root, mode=0o700, exist_ok=True)
    info = os.lstat(root)
    if stat.S_ISLNK(info.st_mode) or info.st_uid != os.getuid():
        raise PermissionError(f"{root} is not a folder of this user; set LOCALFLYTE_HOME to one that is")
    if info.st_mode & 0o022:
        raise PermissionError(f"{root} can be written by others; run: chmod 700 {root}")
