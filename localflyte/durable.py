"""flyte.durable: clocks whose answers are recorded with the run, so that an attempt that repeats them can be given the same."""

from __future__ import annotations

import time as clock
from datetime import datetime

from localflyte.api.sync import dual
from localflyte.api.trace import trace

__all__ = ("now", "sleep", "time")


@trace
async def durable_sleep_start() -> float:
    """When a sleep began."""
    return clock.time()


@trace
async def durable_time() -> float:
    """Seconds since the epoch."""
    return clock.time()


@trace
async def durable_now() -> float:
    """Seconds since the epoch: a datetime without a zone would come back with one."""
    return clock.time()


@dual
async def sleep(seconds: float) -> None:
    """Sleep until so much time has passed since this call was first made.

    :param seconds: how long
    """
    import asyncio

    await asyncio.sleep(max(0.0, await durable_sleep_start() + seconds - clock.time()))


@dual
async def time() -> float:
    """:return: seconds since the epoch, as of the first time that this call was made"""
    return await durable_time()


@dual
async def now() -> datetime:
    """:return: the time on the wall, as of the first time that this call was made"""
    return datetime.fromtimestamp(await durable_now())  # noqa: DTZ006 - as flyte's: local time without a zone
