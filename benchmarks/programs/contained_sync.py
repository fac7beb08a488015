"""One no-op call after the other, from a process of this machine to a warm container."""

import os
import sys
from time import perf_counter

import flyte

IMAGE = os.environ.get("LOCALFLYTE_BENCH_IMAGE", "python:3.11-slim")

box = flyte.TaskEnvironment(name="contained-sync", image=IMAGE)
env = flyte.TaskEnvironment(name="contained-main", depends_on=[box], env_vars={"LOCALFLYTE_BENCH_IMAGE": IMAGE})


@box.task
def noop(i: int) -> int:
    return i


@env.task
def main(calls: int) -> list[float]:
    for i in range(20):
        noop(i)
    seconds = []
    for i in range(calls):
        start = perf_counter()
        noop(i)
        seconds.append(perf_counter() - start)
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
