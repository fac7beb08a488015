"""200,000 whole numbers in and out of a call."""

import sys
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="value-ints")
COUNT = 200_000


@env.task
async def echo(numbers: list[int]) -> list[int]:
    return numbers


@env.task
async def main(calls: int) -> list[float]:
    await echo([1])
    seconds = []
    for i in range(calls):
        numbers = [number * 1_000_003 + i for number in range(COUNT)]
        start = perf_counter()
        result = await echo(numbers)
        seconds.append(perf_counter() - start)
        assert result == numbers
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
