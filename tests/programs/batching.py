"""Calls of tasks in one warm replica whose records are worked on together."""

from __future__ import annotations

import asyncio

import localflyte as flyte
from localflyte.extras import DynamicBatcher

SIZE = 4
env = flyte.TaskEnvironment(name="batching", reusable=flyte.ReusePolicy(replicas=1, concurrency=SIZE))
caller = flyte.TaskEnvironment(name="batching-caller", depends_on=[env])


async def size_of_each(batch: list[int]) -> list[int]:
    return [len(batch)] * len(batch)


#: is full only with the records of that many calls
batcher = DynamicBatcher(size_of_each, max_batch_size=SIZE, batch_timeout_s=60)


@env.task
async def one(x: int) -> int:
    if not batcher.is_running:
        await batcher.start()
    return await (await batcher.submit(x))


@caller.task
async def several() -> list[int]:
    return list(await asyncio.gather(*(one(x) for x in range(SIZE))))
