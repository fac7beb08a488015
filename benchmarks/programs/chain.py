"""A chain of calls 40 deep, every parent waiting for its child: the seconds of one link."""

import sys
from time import perf_counter

import flyte

DEPTH = 40
env = flyte.TaskEnvironment(name="chain")


@env.task
async def link(below: int) -> int:
    return await link(below - 1) + 1 if below else 1


@env.task
async def main(calls: int) -> list[float]:
    await link(1)
    seconds = []
    for _ in range(calls):
        start = perf_counter()
        depth = await link(DEPTH - 1)
        seconds.append((perf_counter() - start) / DEPTH)
        assert depth == DEPTH
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
