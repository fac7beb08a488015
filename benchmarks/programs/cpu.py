"""Eight calls at once that each use half a second of CPU: how much of the machine is at work."""

import asyncio
import sys
from time import perf_counter
from time import thread_time

import flyte

env = flyte.TaskEnvironment(name="cpu")


@env.task
def burn(seconds: float) -> float:
    end = thread_time() + seconds
    while thread_time() < end:
        sum(range(10_000))
    return seconds


@env.task
async def main(calls: int) -> list[float]:
    await burn.aio(0.01)
    start = perf_counter()
    await asyncio.gather(*(burn.aio(0.5) for _ in range(calls)))
    return [perf_counter() - start]


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
