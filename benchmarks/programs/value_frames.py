"""A table of 1,000 rows in and out of a call."""

import sys
from time import perf_counter

import flyte
import pandas as pd

env = flyte.TaskEnvironment(name="value-frames")
COUNT = 1000


@env.task
async def echo(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


@env.task
async def main(calls: int) -> list[float]:
    frame = pd.DataFrame({"number": range(COUNT), "text": [f"row {number}" for number in range(COUNT)]})
    await echo(frame)
    seconds = []
    for _ in range(calls):
        start = perf_counter()
        result = await echo(frame)
        seconds.append(perf_counter() - start)
        assert result.equals(frame)
    return seconds


if __name__ == "__main__":
    flyte.init()
    print(flyte.run(main, int(sys.argv[1])).outputs()[0])
