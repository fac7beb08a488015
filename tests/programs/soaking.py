"""A run with something of everything, whose answer is known. Imported by workers, so: plain flyte code and nothing of pytest."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time

import localflyte as flyte

WIDE = 12
KEPT = 5  # distinct calls that the cache may answer

env = flyte.TaskEnvironment("soaking", resources=flyte.Resources(memory="200Mi"))
free = flyte.TaskEnvironment("soaking-free")


@env.task(retries=200)
async def adds(a: int, b: int) -> int:
    await asyncio.sleep(0.02)
    return a + b


@env.task(cache="auto", retries=200)
def kept(x: int) -> list[int]:
    time.sleep(0.02)
    return [x, x * x]


@free.task(retries=200, timeout=30)
def leaves_a_process(x: int) -> int:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    return x


@free.task(retries=200)
async def nested(x: int) -> int:
    first, second = await asyncio.gather(adds(x, 1), adds(x, 2))
    return first + second


@free.task(retries=200)
async def everything(seed: int) -> list[int]:
    sums = await asyncio.gather(*(adds(seed, number) for number in range(WIDE)))
    squares = await asyncio.gather(*(kept.aio((seed + number) % KEPT) for number in range(WIDE)))
    others = await asyncio.gather(nested(seed), leaves_a_process.aio(seed))
    return [*sums, *(square for _, square in squares), *others]


def expected(seed: int) -> list[int]:
    """:return: what `everything` gives"""
    squares = (((seed + number) % KEPT) ** 2 for number in range(WIDE))
    return [*(seed + number for number in range(WIDE)), *squares, 2 * seed + 3, seed]
