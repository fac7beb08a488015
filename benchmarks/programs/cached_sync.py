"""Cached calls one after the other, sync task: the first run fills the cache, the second one is measured."""

import sys
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="cached-sync")


@env.task(cache="auto")
def square(i: int) -> int:
    return i * i


@env.task
def main(calls: int) -> list[float]:
    for i in range(20):
        square(-i)
    seconds = []
    for i in range(calls):
        start = perf_counter()
        square(i)
        seconds.append(perf_counter() - start)
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
