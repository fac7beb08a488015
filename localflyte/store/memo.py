"""Memo: finished results by key. A lookup returns what a success stored, or a miss; nothing here can fail a run.

A record in the index names what was stored, and by digest the blobs that hold what is large. Blobs are there before
the record that names them; whatever is missing or damaged all the same makes the lookup a miss.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Protocol
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

from localflyte.errors import RuntimeUserError
from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.run import RunRequest
from localflyte.store.blobs import Blobs
from localflyte.store.content import Contents
from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError
from localflyte.store.keep import give_out
from localflyte.store.keep import is_light
from localflyte.store.keep import take_in
from localflyte.store.keys import Key
from localflyte.store.keys import make_key
from localflyte.store.record import StoredValue
from localflyte.store.record import pack_record
from localflyte.store.record import unpack_record

__all__ = ("Memo",)


class _Run(Protocol):
    request: RunRequest
    folder: str

    def notice(self, text: str) -> None: ...


class _Call(Protocol):
    @property
    def caller(self) -> _Call | None: ...
    @property
    def task(self) -> str: ...


class Memo:
    """:param home: the folder of everything that is kept; opened at first use"""

    def __init__(self, home: str) -> None:
        root = os.path.join(home, "store")
        self._blobs = Blobs(os.path.join(root, "blobs"))
        self._index = Index(os.path.join(root, "index"))
        self._contents = Contents()
        self._turns: dict[str, _Turn] = {}
        #: the keys that something called from a call waits for
        self._held_up: dict[_Call, list[_Turn]] = {}
        #: what has been said to a run already; a run whose index failed is left in peace
        self._said: WeakKeyDictionary[_Run, set[str]] = WeakKeyDictionary()

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
    async def turn(self, key: Key, call: _Call) -> AsyncIterator[None]:
        """With ``serialize=True``, hold the key so that identical work is done once and the others find it done.

        :raises RuntimeUserError: if the call would wait for itself, as when a task calls itself, directly or around, with the same inputs
        """
        if not key.serialize:
            yield
            return
        turn = self._turns.setdefault(key.digest, _Turn())
        line = _line(call)
        circle = self._circle(turn, line)
        if circle:
            message = f"Task {call.task} (cache serialize=True) would wait for itself: {circle}."
            raise RuntimeUserError("CircularCallError", f"{message} Call it with other inputs, or without serialize.")
        turn.users += 1
        waiting = turn.lock.locked()
        if waiting:
            self._wait(turn, line)
        try:
            async with turn.lock:
                if waiting:
                    waiting = self._waited(turn, line)
                turn.holder = call
                try:
                    yield
                finally:
                    turn.holder = None
        finally:
            if waiting:
                self._waited(turn, line)
            turn.users -= 1
            if not turn.users:
                del self._turns[key.digest]

    def _wait(self, turn: _Turn, line: list[_Call]) -> None:
        for caller in line:
            self._held_up.setdefault(caller, []).append(turn)

    def _waited(self, turn: _Turn, line: list[_Call]) -> bool:
        for caller in line:
            turns = self._held_up[caller]
            turns.remove(turn)
            if not turns:
                del self._held_up[caller]
        return False

    def _circle(self, turn: _Turn, line: list[_Call]) -> str:
        """Follow who waits for whom: from who works on a key, by what was called from there and waits for another key.

        :return: the circle in words; empty if there is none
        """
        seen: list[_Turn] = []
        ahead = [(turn, "")]
        while ahead:
            turn, words = ahead.pop()
            holder = turn.holder
            if holder is None or turn in seen:
                continue
            if holder in line:
                return " -> ".join(call.task for call in reversed(line[: line.index(holder) + 1])) + words
            seen.append(turn)
            ahead += [
                (other, f"{words}; {holder.task} runs already, and waits for {other.holder.task}")
                for other in self._held_up.get(holder, ())
                if other.holder is not None
            ]
        return ""

    async def lookup(self, run: _Run, key: Key, action: str) -> tuple[Packed, ...] | None:
        """:return: the outputs that a success stored under the key, or ``None``"""
        if run.request.overwrite_cache or self._has_said(run, "index"):
            return None
        try:
            record = self._index.get(key.digest)
            if record is None:
                return None
            stored = unpack_record(record, key)
            packed = [output for value in stored if (output := value.as_packed) is not None]
            if len(packed) == len(stored):
                return tuple(packed)
            folder = os.path.join(run.folder, "data", action, "cached")
            return await anyio.to_thread.run_sync(give_out, self._blobs, stored, folder)
        except UnusableIndexError as error:
            self._say(run, "index", f"results are neither looked up nor stored in this run: {error}")
        except Exception as error:  # noqa: BLE001 - a cache is a comfort: whatever is wrong with it, the task runs
            self._say(run, "lookup", f"a cached result could not be used and is computed again: {_text(error)}")
        return None

    async def commit(self, run: _Run, key: Key, outputs: Sequence[Packed], action: str) -> tuple[Packed, ...] | None:
        """Store the outputs of a success.

        :return: the outputs, or ``None`` when they were not stored; the reason is said
        """
        if self._has_said(run, "index"):
            return None
        try:
            if key.contents and not await anyio.to_thread.run_sync(self._is_unchanged, key):
                self._say(run, "input", f"the result of action {action} is not stored: a file among its inputs changed while it ran")
                return None
            if is_light(outputs):
                stored = [StoredValue(value.data, value.canonical, []) for value in outputs]
            else:
                stored = await anyio.to_thread.run_sync(take_in, self._blobs, outputs)
            self._index.set(key.digest, pack_record(key, stored, action))
        except UnusableIndexError as error:
            self._say(run, "index", f"results are neither looked up nor stored in this run: {error}")
            return None
        except Exception as error:  # noqa: BLE001 - not being able to store costs time, never the result
            self._say(run, "commit", f"a result could not be stored, and will be computed again next time: {_text(error)}")
            return None
        return tuple(outputs)

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    # -- inside -------------------------------------------------------------------------------------------------

    def _is_unchanged(self, key: Key) -> bool:
        try:
            return all(self._contents.digest(ref) == digest for ref, digest in key.contents)
        except OSError:
            return False

    def _has_said(self, run: _Run, kind: str) -> bool:
        return kind in self._said.get(run, ())

    def _say(self, run: _Run, kind: str, text: str) -> None:
        """Say something of a kind once a run: what is wrong with one result is mostly wrong with all."""
        said = self._said.setdefault(run, set())
        if kind not in said:
            said.add(kind)
            run.notice(text)


class _Turn:
    """Who works on a key, and how many would like to."""

    __slots__ = ("holder", "lock", "users")

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.users = 0
        self.holder: _Call | None = None


def _line(call: _Call) -> list[_Call]:
    """:return: a call, who made it, who made that, and so on"""
    line = [call]
    while (caller := line[-1].caller) is not None:
        line.append(caller)
    return line


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
