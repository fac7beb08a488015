"""Tasks whose first attempts die after traced calls, so that later ones can be given what those gave."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from collections.abc import Iterator

import localflyte as flyte
from localflyte import durable

env = flyte.TaskEnvironment(name="replaying")


def mark(path: str, what: str) -> None:
    """Note that something really ran."""
    with open(path, "a", encoding="utf-8") as file:
        file.write(what)


@flyte.trace
def draws(path: str) -> tuple[int, str]:
    mark(path, "d")
    return int.from_bytes(os.urandom(4), "big"), "drawn"


@flyte.trace
async def draws_later(path: str, number: int) -> bytes:
    mark(path, "l")
    await asyncio.sleep(0)
    return os.urandom(4)


@flyte.trace
def counts(path: str) -> Iterator[int]:
    for number in range(3):
        mark(path, "c")
        yield number


@flyte.trace
async def counts_later(path: str) -> AsyncIterator[int]:
    for number in range(3):
        mark(path, "a")
        yield number


@flyte.trace
def gives_nothing(path: str) -> None:
    mark(path, "n")


@flyte.trace
def raises_first(path: str) -> int:
    mark(path, "r")
    if flyte.ctx().attempt_number == 0:
        raise ValueError("only once")
    return 7


def end(how: str) -> None:
    """End the first attempt."""
    if flyte.ctx().attempt_number == 0:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise RuntimeError("the first attempt")


@env.task(retries=1)
async def all_kinds(path: str, seen: str, how: str) -> list[str]:
    twice = [await draws_later(path, 1), await draws_later(path, 1), await draws_later(path, 2)]
    values = [repr(draws(path)), repr(twice), repr(list(counts(path))), repr([each async for each in counts_later(path)])]
    values.append(repr(await durable.now.aio()))
    mark(seen, repr(values) + "\n")
    end(how)
    return values


@env.task(retries=1)
def nothing_and_errors(path: str) -> int:
    gives_nothing(path)
    result = raises_first(path)
    end("raise")
    return result


@env.task
async def two_alike(path: str) -> list[str]:
    first = asyncio.create_task(alike(path))
    second = asyncio.create_task(alike(path))
    return [await first, await second]


@env.task(retries=1)
async def alike(path: str) -> str:
    value = repr(draws(path))
    end("raise")
    return value
