"""One megabyte of bytes in and out of each call, one call after the other."""

import sys
from time import perf_counter

import flyte

env = flyte.TaskEnvironment(name="payload")


@env.task
async def echo(data: bytes) -> bytes:
    return data


@env.task
async def main(calls: int) -> list[float]:
    await echo(b"warm")
    seconds = []
    for i in range(calls):
        data = i.to_bytes(4, "little") * 250_000
        start = perf_counter()
        result = await echo(data)
        seconds.append(perf_counter() - start)
        assert result == data
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
