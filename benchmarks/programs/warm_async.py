"""One no-op call after the other, async task, served by a replica that is kept."""

import sys
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="caller")
warm = flyte.TaskEnvironment(name="warm-async", reusable=flyte.ReusePolicy(replicas=1))


@warm.task
async def noop(i: int) -> int:
    return i


@env.task
async def main(calls: int) -> list[float]:
    for i in range(20):
        await noop(i)
    seconds = []
    for i in range(calls):
        start = perf_counter()
        await noop(i)
        seconds.append(perf_counter() - start)
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
