"""Tasks that stop for a debugger."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta

import localflyte as flyte

env = flyte.TaskEnvironment(name="debugged")


@env.task(timeout=flyte.Timeout(max_runtime=timedelta(seconds=0.5)))
def inner(x: int) -> int:
    y = 2 * x
    breakpoint()  # noqa: T100 - what this is about
    return y


@env.task(timeout=flyte.Timeout(max_runtime=1, deadline=1))
def main(x: int) -> int:
    return inner(x) + 1


@env.task
async def two() -> list[int]:
    return list(await asyncio.gather(inner.aio(1), inner.aio(2)))


@env.task
def unhurried(x: int) -> int:
    y = 2 * x
    breakpoint()  # noqa: T100 - what this is about
    return y


@env.task(retries=3)
def left() -> int:
    breakpoint()  # noqa: T100 - what this is about
    return 1


@env.task(retries=3)
async def leaves() -> int:
    return left()


@env.task(env_vars={"PYTHONBREAKPOINT": "0"})
def passes_over() -> str:
    breakpoint()  # noqa: T100 - what this is about
    return os.environ["PYTHONBREAKPOINT"]
