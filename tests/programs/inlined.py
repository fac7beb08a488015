"""Tasks that are run in threads of the process that runs them."""

from __future__ import annotations

import asyncio
import os
import threading
import time

import localflyte as flyte

env = flyte.TaskEnvironment(name="inlined", env_vars={"INLINED": "set"})
VALUE = 1


def helper() -> int:
    return 1


@env.task
def where() -> tuple[int, int, str, int, str]:
    return os.getpid(), threading.get_ident(), os.environ["INLINED"], helper() + VALUE, flyte.ctx().action.name


@env.task
async def child(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


@env.task
async def parent(n: int) -> list[int]:
    return list(await asyncio.gather(*(child(x) for x in range(n))))


@env.task
def sync_parent(n: int) -> list[int]:
    return [outer(x) for x in range(n)]


@env.task
def outer(x: int) -> int:
    return len(sync_child(x))


@env.task
def sync_child(x: int) -> list[int]:
    return list(range(x))


@env.task(retries=2)
def flaky() -> int:
    if flyte.ctx().attempt_number < 2:
        raise ValueError("not yet")
    return flyte.ctx().attempt_number


@env.task(timeout=1)
async def sleeps() -> None:
    await asyncio.sleep(60)


@env.task(timeout=1)
def spins() -> None:
    while True:
        time.sleep(0.01)


@env.task(cache="auto")
def cached(x: int) -> int:
    return x + os.getpid() * 0


@env.task(secrets="INLINED_SECRET", resources=flyte.Resources(memory="1Mi", cpu=1))
def secret() -> int:
    return len(os.environ["INLINED_SECRET"])


@env.task(reusable=flyte.ReusePolicy(replicas=1, idle_ttl=30))
def reused() -> int:
    return os.getpid()


def divides(x: int) -> int:
    beside = 42
    return beside // x


@env.task
def fails() -> int:
    return divides(0)


@env.task
def calls_what_fails() -> int:
    return fails()


@env.task
async def stops() -> int:
    y = 1
    breakpoint()  # noqa: T100 - what this is about
    return y
