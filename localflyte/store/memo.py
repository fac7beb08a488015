"""Memo: finished results by key. A lookup returns what a success stored, or a miss; nothing here can fail a run.

A record in the index names what was stored, and by digest the blobs that hold what is large. Blobs are there before
the record that names them; whatever is missing or damaged all the same makes the lookup a miss.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from contextlib import nullcontext
from contextlib import suppress
from typing import NamedTuple
from typing import Protocol
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.run import RunRequest
from localflyte.store.blobs import Blobs
from localflyte.store.content import Contents
from localflyte.store.entries import CODE
from localflyte.store.index import Index
from localflyte.store.index import UnusableIndexError
from localflyte.store.keep import give_out
from localflyte.store.keep import is_light
from localflyte.store.keep import take_in
from localflyte.store.keys import Key
from localflyte.store.keys import digest_value
from localflyte.store.keys import make_key
from localflyte.store.layout import Layout
from localflyte.store.past import Past
from localflyte.store.record import Record
from localflyte.store.record import StoredValue
from localflyte.store.record import pack_code
from localflyte.store.record import pack_record
from localflyte.store.record import unpack_record
from localflyte.store.sweep import is_due
from localflyte.store.sweep import sweep
from localflyte.store.tier import Tier
from localflyte.store.turns import Call
from localflyte.store.turns import Turns
from localflyte.store.uses import Uses
from localflyte.store.why import explain

__all__ = ("Found", "Limits", "Memo")


MOST_USES = 20_000  # that are kept in memory; a run may make a million calls


class _Run(Protocol):
    name: str
    request: RunRequest
    folder: str

    def notice(self, text: str) -> None: ...


class Limits(NamedTuple):
    """What the store may grow to, and where else to look; the terms are those of the settings."""

    max_bytes: int | None = None
    max_age: float | None = None
    tier: str = ""
    serialize_seconds: float = 3600.0


class Found(NamedTuple):
    """What a lookup came to."""

    outputs: tuple[Packed, ...] | None = None
    """``None`` for a miss."""
    why: str = ""
    """Where a hit came from; why it is a miss, if the run wants that explained."""
    large: tuple[Sequence[StoredValue], Blobs] | None = None
    """A hit that `Memo.fetch` has to fetch: its outputs are more than a record holds."""


class Memo:
    """:param home: the folder of everything that is kept; opened at first use"""

    def __init__(self, home: str, limits: Limits = Limits()) -> None:
        self._layout = Layout(home)
        self._limits = limits
        self._blobs = Blobs(self._layout.blobs)
        self._index = Index(self._layout.index)
        self._past = Past(self._index)
        self._tier = Tier(limits.tier) if limits.tier else None
        self._contents = Contents()
        self._turns = Turns(self._layout.turns, limits.serialize_seconds)
        self._uses = Uses(self._layout.live)
        #: what versions were made of, that is in the index by now
        self._described: set[str] = set()
        self._is_open = False
        self._has_stored = False
        #: what has been said to a run already; a run whose index failed is left in peace
        self._said: WeakKeyDictionary[_Run, set[str]] = WeakKeyDictionary()

    async def key(self, run: _Run, invocation: Invocation) -> Key | None:
        """:return: the key of a call, or ``None`` where it cannot or should not be cached; the reason is said"""
        if not any(value.refs for value in invocation.inputs.values()):
            return self.key_at_once(run, invocation)
        if not self._may_have_key(run, invocation):
            return None
        try:
            return await anyio.to_thread.run_sync(make_key, invocation, self._contents)
        except OSError as error:
            run.notice(f"{invocation.plan.task.name} is not cached: an input cannot be read: {error}")
            return None

    def key_at_once(self, run: _Run, invocation: Invocation) -> Key | None:
        """Do as `key` does for a call without files among its inputs, which takes no time."""
        return make_key(invocation, self._contents) if self._may_have_key(run, invocation) else None

    def turn(self, run: _Run, key: Key, call: Call) -> AbstractAsyncContextManager[None]:
        """With ``serialize=True``, hold the key so that identical work is done once and the others find it done.

        :raises RuntimeUserError: if the call would wait for itself, as when a task calls itself, directly or around, with the same inputs
        """
        return self._turns.turn(key.digest, call, run.notice) if key.terms.serialize else nullcontext()

    async def lookup(self, run: _Run, key: Key, action: str) -> Found:
        """Look for the outputs that a success stored under the key, and fetch them."""
        return await self.fetch(run, self.look(run, key), action)

    def look(self, run: _Run, key: Key) -> Found:
        """Look for the outputs that a success stored under the key. What is large is found, and not fetched."""
        if run.request.overwrite_cache:
            return Found(why="the run looks nothing up" if run.request.explain else "")
        if self._has_said(run, "index"):
            return Found(why="the store cannot be used")
        try:
            self._open()
            found = self._find(run, key)
            if found.outputs is None and found.large is None and not found.why and run.request.explain:
                return Found(why=explain(self._past, key, run.name))
        except UnusableIndexError as error:
            self._say_unusable(run, error)
            return Found(why="the store cannot be used")
        except Exception as error:  # noqa: BLE001 - a cache is a comfort: whatever is wrong with it, the task runs
            return self._unusable(run, error)
        return found

    async def fetch(self, run: _Run, found: Found, action: str) -> Found:
        """:return: what was found, with copies of the files and folders among the outputs, below the folder of the run"""
        if found.large is None:
            return found
        stored, blobs = found.large
        try:
            folder = os.path.join(run.folder, "data", action, "cached")
            return found._replace(outputs=await anyio.to_thread.run_sync(give_out, blobs, stored, folder), large=None)
        except Exception as error:  # noqa: BLE001 - as above
            return self._unusable(run, error)

    def note(self, key: Key) -> None:
        """Note that an entry is used, so that a sweep leaves it alone. What `look` has found whole is noted by whoever gives it on."""
        with suppress(OSError):  # a disk that is full: a sweep may take the entry, and then it is a miss
            self._uses.note(key.digest)
        with suppress(UnusableIndexError):
            if len(self._uses) >= MOST_USES:
                self._index.touch(self._uses.forget())

    async def commit(self, run: _Run, key: Key, outputs: Sequence[Packed], action: str, seconds: float = 0.0) -> tuple[Packed, ...] | None:
        """Store the outputs of a success.

        :param seconds: what they took to compute
        :return: the outputs, or ``None`` when they were not stored; the reason is said
        """
        if self._has_said(run, "index"):
            return None
        try:
            self._open()
            self.note(key)
            if key.contents and not await anyio.to_thread.run_sync(self._is_unchanged, key):
                self._say(run, "input", f"the result of action {action} is not stored: a file among its inputs changed while it ran")
                return None
            if is_light(outputs):
                stored = [StoredValue(value.data, value.canonical, []) for value in outputs]
            else:
                stored = await anyio.to_thread.run_sync(take_in, self._blobs, outputs)
            code = self._describe(key)
            record = pack_record(key, stored, run=run.name, action=action, seconds=seconds, code=code, scope=_scope(run))
            self._index.set(key.digest, record, tag=key.task)
            self._has_stored = True
        except UnusableIndexError as error:
            self._say_unusable(run, error)
            return None
        except Exception as error:  # noqa: BLE001 - not being able to store costs time, never the result
            self._say(run, "commit", f"a result could not be stored, and will be computed again next time: {_text(error)}")
            return None
        return tuple(outputs)

    async def digests(self, outputs: Sequence[Packed]) -> list[str]:
        """:return: a digest of each value, with that of the content it points to
        :raises OSError: if that cannot be read
        """
        return await anyio.to_thread.run_sync(lambda: [digest_value(value, self._contents)[0] for value in outputs])

    async def rest(self) -> None:
        """Note that no run is under way; a store that has grown over its limits is swept, once in a while."""
        try:
            self._flush()
            if self._has_stored and is_due(self._layout):
                self._has_stored = False
                limits = self._limits
                await anyio.to_thread.run_sync(lambda: sweep(self._layout, max_bytes=limits.max_bytes, max_age=limits.max_age))
        except (UnusableIndexError, OSError):
            return  # the next lookup says what is wrong, where there is somebody to hear it

    def close(self) -> None:
        """Close the index."""
        with suppress(UnusableIndexError, OSError):
            self._flush()
        self._index.close()

    # -- inside -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if not self._is_open:
            try:
                self._layout.prepare()
            except OSError as error:
                raise UnusableIndexError(str(error)) from error
            self._is_open = True

    def _flush(self) -> None:
        self._described.clear()  # a sweep may remove it while nothing is under way
        used = self._uses.forget()
        try:
            if used:
                self._index.touch(used)
        finally:
            self._uses.end()

    def _may_have_key(self, run: _Run, invocation: Invocation) -> bool:
        problem = invocation.plan.cache.problem
        if problem and not run.request.disable_run_cache:
            run.notice(f"{invocation.plan.task.name} is not cached: {problem}")
        return not problem and not run.request.disable_run_cache

    def _find(self, run: _Run, key: Key) -> Found:
        value, why = self._index.get(key.digest), ""
        if value is not None:
            record = unpack_record(value, key.digest)
            why = _out_of_bounds(record, key, run)
            if not why:
                found = _found(record, self._blobs)
                if found.outputs is None:
                    self.note(key)  # before its blobs are read, which a sweep may take
                return found
        if self._tier is not None and (value := self._tier.record(key.digest)) is not None:
            record = unpack_record(value, key.digest)
            why = _out_of_bounds(record, key, run)
            if not why:
                return _found(record, self._tier.blobs)
        return Found(why=why)

    def _unusable(self, run: _Run, error: Exception) -> Found:
        self._say(run, "lookup", f"a cached result could not be used and is computed again: {_text(error)}")
        return Found(why=_text(error))

    def _describe(self, key: Key) -> str:
        """Store what the version was made of, unless that is there already.

        :return: the digest under which it is found
        """
        if not key.terms.parts:
            return ""
        digest, body = pack_code(key.terms.parts)
        row = f"{CODE}{digest}"
        if digest not in self._described:
            if self._index.get(row) != body:
                self._index.set(row, body)
            else:
                self._index.touch({row: time.time()})  # so that a sweep leaves it to the record that is to name it
            self._described.add(digest)
        return digest

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

    def _say_unusable(self, run: _Run, error: Exception) -> None:
        self._say(run, "index", f"results are neither looked up nor stored in this run: {error}")


def _found(record: Record, blobs: Blobs) -> Found:
    why = f"computed by run {record.run}, action {record.action}"
    packed = [output for value in record.outputs if (output := value.as_packed) is not None]
    if len(packed) == len(record.outputs):
        return Found(tuple(packed), why)
    return Found(None, why, (record.outputs, blobs))


def _out_of_bounds(record: Record, key: Key, run: _Run) -> str:
    """:return: why a result may not be used, or nothing"""
    if key.outputs is not None and len(record.outputs) != key.outputs:
        return f"the result of run {record.run} has {len(record.outputs)} outputs, and {key.outputs} are declared"
    most, age = key.terms.max_age, time.time() - record.made
    if most is not None and age > most:
        return f"the result of run {record.run} is {age:.0f} s old, and max_age is {most:.0f} s"
    if run.request.cache_lookup_scope == "project-domain" and record.scope != _scope(run):
        return f"the result of run {record.run} was computed for {record.scope}, and cache_lookup_scope is project-domain"
    return ""


def _scope(run: _Run) -> str:
    return f"project {run.request.project or '(none)'}, domain {run.request.domain or '(none)'}"


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
