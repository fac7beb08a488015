"""Tasks that go any of the ways of `faults.ways` at any place of a call. Imported by workers, so: plain flyte code."""

from __future__ import annotations

import asyncio
import atexit
import os
from collections.abc import AsyncIterator
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from faults import ways

import localflyte as flyte

env = flyte.TaskEnvironment(name="dying")
CACHE = flyte.Cache(behavior="auto")
BOUND = flyte.Timeout(max_runtime=timedelta(seconds=0.4))


@dataclass
class Decoded:
    """A value that goes its way when it is made, and so when it is decoded."""

    way: str

    def __post_init__(self) -> None:
        ways.go(self.way)


class Encoded(list[int]):
    """A value that goes its way when it is looked into, and so when it is encoded."""

    def __init__(self, way: str) -> None:
        super().__init__([1])
        self.way = way

    def __iter__(self) -> Iterator[int]:
        ways.go(self.way)
        return super().__iter__()


class Finalised:
    def __init__(self, way: str) -> None:
        self.way = way

    def __del__(self) -> None:
        ways.go(self.way)


@env.task(cache=CACHE)
def decode(value: Decoded) -> int:
    return 1


@env.task(cache=CACHE)
async def decode_async(value: Decoded) -> int:
    return 1


@env.task(cache=CACHE)
def call(way: str, notes: str) -> int:
    ways.NOTES = notes
    ways.go(way)
    return 1


@env.task(cache=CACHE)
async def call_async(way: str, notes: str) -> int:
    ways.NOTES = notes
    await asyncio.sleep(0)
    ways.go(way)
    await asyncio.sleep(0)
    return 1


@env.task(cache=CACHE)
def encode(way: str) -> list[int]:
    return Encoded(way)


@env.task(cache=CACHE)
async def encode_async(way: str) -> list[int]:
    return Encoded(way)


@env.task(cache=CACHE)
def finalise(way: str) -> int:
    held = Finalised(way)
    return len(held.way) and 1


@env.task(cache=CACHE)
async def finalise_async(way: str) -> int:
    """Leave a generator that the loop closes after the task has returned."""

    async def items() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            ways.go(way)

    held.append(items())
    return await anext(held[0])


held: list[Any] = []


@env.task(cache=CACHE)
def at_exit(way: str) -> int:
    atexit.register(ways.go, way)
    return 1


@env.task
async def neighbour(path: str) -> int:
    """Be at work while others end, and still get it right."""
    while not os.path.exists(path):
        await asyncio.sleep(0.01)
    return 7


async def _ending(place: str, way: str, notes: str) -> list[str]:
    """:return: how it ended: the class of the error, its code and its message; or that it did not fail"""
    task: Any = globals()[place]
    if way == "hang":
        task = task.override(timeout=BOUND)
    arguments = {"value": Decoded(way)} if place.startswith("decode") else {"way": way}
    if place.startswith("call"):
        arguments["notes"] = notes
    return await outcome(task, arguments)


async def outcome(task: Any, arguments: dict[str, Any]) -> list[str]:
    try:
        return ["ok", "", str(await task.aio(**arguments))]
    except flyte.errors.BaseRuntimeError as error:
        return [type(error).__name__, error.code, str(error)]


@env.task
async def everything(cases: list[list[str]], notes: str) -> dict[str, list[str]]:
    """Go every way at every place, a few at a time, beside a task that nothing of it concerns."""
    ways.SAFE = True
    beside = asyncio.ensure_future(neighbour(os.path.join(notes, "go")))
    few = asyncio.Semaphore(6)

    async def one(place: str, way: str) -> list[str]:
        async with few:
            return await _ending(place, way, notes)

    endings = await asyncio.gather(*[one(place, way) for place, way in cases])
    with open(os.path.join(notes, "go"), "w"):
        pass
    told = {f"{place}: {way}": ending for (place, way), ending in zip(cases, endings, strict=True)}
    return {**told, "neighbour": [str(await beside)]}


@env.task
async def imports(module: str, notes: str) -> dict[str, list[str]]:
    """Call a task whose module goes its way when a worker imports it."""
    from importlib import import_module

    ways.SAFE = True
    beside = asyncio.ensure_future(neighbour(os.path.join(notes, "go")))
    await asyncio.sleep(0.05)
    task = import_module(module).task
    ending = await outcome(task, {})
    with open(os.path.join(notes, "go"), "w"):
        pass
    return {"ending": ending, "neighbour": [str(await beside)]}
