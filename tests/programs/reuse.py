"""Tasks that are served by warm replicas, and find out what that means for them."""

from __future__ import annotations

import asyncio
import os

import localflyte as flyte

alone = flyte.TaskEnvironment("alone", reusable=flyte.ReusePolicy(replicas=1))

calls = 0


@alone.task
def count() -> int:
    """How often this was called in this process."""
    global calls
    calls += 1
    return calls


@alone.task
async def count_async() -> int:
    global calls
    calls += 1
    return calls


@alone.task
def pid() -> int:
    return os.getpid()
