"""Storing: what fault tests do with a store: entries of every kind, how one is stored and looked up, and what is false about an answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from localflyte.spec.invocation import Invocation
from localflyte.spec.packed import Packed
from localflyte.spec.packed import Ref
from localflyte.spec.plan import CacheTerms
from localflyte.spec.plan import Plan
from localflyte.spec.plan import TaskRef
from localflyte.spec.run import RunRequest
from localflyte.spec.run import Surroundings
from localflyte.store.memo import Limits
from localflyte.store.memo import Memo

__all__ = ("KINDS", "Call", "Entry", "Run", "answer", "false_about", "find", "invocation", "make_entry", "opened", "outputs_of", "store")

KINDS = ("inline", "large", "files")
AROUND = Surroundings(python="", cwd="", sys_path=(), argv=(), env={}, umask=0, alias=False)


@dataclass(eq=False)
class Run:
    folder: str
    name: str = "run"
    request: RunRequest = field(default_factory=lambda: RunRequest(invocation=invocation(0), surroundings=AROUND))
    said: list[str] = field(default_factory=list)

    def notice(self, text: str) -> None:
        self.said.append(text)


@dataclass(eq=False)
class Call:
    task: str = "env.task"
    caller: Call | None = None


@dataclass(frozen=True)
class Entry:
    """A call and the outputs that it has, always."""

    number: int
    kind: str
    made: str
    """The folder in which its files were made; empty where it has none."""
    serialize: bool = False


def invocation(number: int, *, serialize: bool = False, inputs: dict[str, Packed] | None = None) -> Invocation:
    terms = CacheTerms(behavior="auto", version="1", serialize=serialize)
    plan = Plan(task=TaskRef(name="env.task"), environment="env", short_name="task", interface="()", cache=terms)
    return Invocation(plan=plan, inputs=inputs or {"x": Packed(b"\xcd" + number.to_bytes(2, "big"))})


def make_entry(number: int, kind: str, folder: str, *, serialize: bool = False) -> Entry:
    """:return: an entry, with its files made below the folder"""
    entry = Entry(number, kind, os.path.join(folder, f"made{number}"), serialize)
    if kind == "files":
        os.makedirs(os.path.join(entry.made, "tree", "sub"))
        os.makedirs(os.path.join(entry.made, "tree", "empty"))
        for name, data in _files(number).items():
            with open(os.path.join(entry.made, name), "wb") as file:
                file.write(data)
        os.chmod(os.path.join(entry.made, "tree", "run.sh"), 0o755)
    return entry


def outputs_of(entry: Entry) -> tuple[Packed, ...]:
    number = entry.number
    match entry.kind:
        case "inline":
            return (Packed(b"\xcd" + number.to_bytes(2, "big")), Packed(f"{number}".encode() * 50, (), b"canonical"))
        case "large":
            return (Packed(number.to_bytes(2, "big") * 50_000, (), b"canonical"),)
        case _:
            file, tree = os.path.join(entry.made, "note.txt"), os.path.join(entry.made, "tree")
            return (Packed(b"f", (Ref("file", file, "", "a name", "txt"),)), Packed(b"d", (Ref("dir", tree),)))


@contextmanager
def opened(home: str, **limits: Any) -> Iterator[Memo]:
    memo = Memo(home, Limits(**limits))
    try:
        yield memo
    finally:
        memo.close()


async def find(memo: Memo, run: Run, entry: Entry, action: str = "a0") -> tuple[Packed, ...] | None:
    """:return: what the store has for an entry"""
    key = await memo.key(run, invocation(entry.number, serialize=entry.serialize))
    assert key is not None, run.said
    return (await memo.lookup(run, key, action)).outputs


async def store(memo: Memo, run: Run, entry: Entry) -> bool:
    """:return: whether the store says that it has stored an entry"""
    key = await memo.key(run, invocation(entry.number, serialize=entry.serialize))
    assert key is not None, run.said
    return await memo.commit(run, key, outputs_of(entry), f"a{entry.number}") is not None


async def answer(memo: Memo, run: Run, entry: Entry) -> tuple[tuple[Packed, ...] | None, bool]:
    """Do as the engine does: wait for one's turn, look up, and store what was not there.

    :return: what was found, and whether the store says that it has it now
    """
    key = await memo.key(run, invocation(entry.number, serialize=entry.serialize))
    assert key is not None, run.said
    async with memo.turn(run, key, Call()):
        found = (await memo.lookup(run, key, f"a{entry.number}")).outputs
        if found is not None:
            return found, True
        return None, await memo.commit(run, key, outputs_of(entry), f"a{entry.number}") is not None


def false_about(entry: Entry, found: tuple[Packed, ...] | None) -> str:
    """:return: how an answer differs from what was stored; nothing, where it is that or a miss"""
    if found is None:
        return ""
    wanted = outputs_of(entry)
    if [(value.data, value.canonical) for value in found] != [(value.data, value.canonical) for value in wanted]:
        return f"entry {entry.number}: another value"
    for value, right in zip(found, wanted, strict=True):
        if [ref._replace(path="") for ref in value.refs] != [ref._replace(path="") for ref in right.refs]:
            return f"entry {entry.number}: another reference: {value.refs}"
        for ref, origin in zip(value.refs, right.refs, strict=True):
            if listing(ref.path) != listing(origin.path):
                return f"entry {entry.number}: {ref.path} has another content: {listing(ref.path)}"
    return ""


def listing(path: str) -> Any:
    """:return: all that a file or folder is, but for its name"""
    if os.path.isdir(path):
        return {name: listing(os.path.join(path, name)) for name in os.listdir(path)}
    try:
        with open(path, "rb") as file:
            return (file.read(), bool(os.fstat(file.fileno()).st_mode & 0o100))
    except OSError as error:
        return str(error)


def _files(number: int) -> dict[str, bytes]:
    return {
        "note.txt": f"note {number}".encode() * 100,
        "tree/run.sh": b"#!/bin/sh\n",
        "tree/sub/data": bytes([number % 256]) * 70_000,
        "tree/sub/same": b"in many",
    }
