"""Many no-op calls at once, async task."""

import asyncio
import sys
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="fanout-async")


@env.task
async def noop(i: int) -> int:
    return i


@env.task
async def main(calls: int) -> list[float]:
    await asyncio.gather(*(noop(i) for i in range(20)))
    start = perf_counter()
    results = await asyncio.gather(*(noop(i) for i in range(calls)))
    seconds = perf_counter() - start
    assert results == list(range(calls))
    return [seconds / calls]


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
