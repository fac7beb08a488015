"""A call that makes a call: the seconds of one such pair, again and again."""

import sys
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="nested")


@env.task
async def inner(i: int) -> int:
    return i


@env.task
async def outer(i: int) -> int:
    return await inner(i)


@env.task
async def main(calls: int) -> list[float]:
    for i in range(20):
        await outer(i)
    seconds = []
    for i in range(calls):
        start = perf_counter()
        await outer(i)
        seconds.append(perf_counter() - start)
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
