"""Tasks that call many others. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

import localflyte as flyte

env = flyte.TaskEnvironment(name="wide")


@env.task
async def leaf(x: int) -> int:
    return x


@env.task
async def pair(x: int) -> int:
    return await leaf(x)


@env.task
async def fans_out(n: int) -> int:
    return sum(await asyncio.gather(*[leaf(number) for number in range(n)]))


@env.task
async def nests(n: int) -> int:
    return sum(await asyncio.gather(*[pair(number) for number in range(n)]))


@env.task
def blocking(x: int) -> int:
    return x


@env.task
def one_by_one(n: int) -> int:
    return sum(blocking(number) for number in range(n))


@env.task
def from_threads(n: int) -> int:
    with ThreadPoolExecutor(8) as pool:
        return sum(pool.map(blocking, range(n)))


@env.task
async def from_loop_and_threads(n: int) -> int:
    async def mine() -> int:
        return sum(await asyncio.gather(*[leaf(number) for number in range(n)]))

    def theirs() -> int:
        return sum(blocking(number) for number in range(n))

    parts = await asyncio.gather(mine(), asyncio.to_thread(theirs), asyncio.to_thread(theirs), asyncio.to_thread(asyncio.run, mine()))
    return sum(parts)


@env.task
async def first_of_many(n: int) -> int:
    """Cancel all but one."""
    waiting = [asyncio.ensure_future(late(number)) for number in range(n)]
    value = await leaf(7)
    for task in waiting:
        task.cancel()
    done = await asyncio.gather(*waiting, return_exceptions=True)
    return value if all(isinstance(result, asyncio.CancelledError) for result in done) else -1


@env.task
async def late(x: int) -> int:
    await asyncio.sleep(1000)
    return x


@env.task
def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@env.task
def variable() -> str:
    return os.environ.get("LOCALFLYTE_TEST_VARIABLE", "")


@env.task
def variables(n: int) -> list[str]:
    """Give each call variables of its own, twice over."""
    return [variable.override(env_vars={"LOCALFLYTE_TEST_VARIABLE": str(number % n)})() for number in range(2 * n)]
