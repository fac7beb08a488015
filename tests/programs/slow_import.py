"""A module that takes for ever to be imported, by a worker."""

from __future__ import annotations

import time

import localflyte as flyte
from localflyte.api.port import in_worker

env = flyte.TaskEnvironment("slow-import")

if in_worker():
    time.sleep(600)


@env.task(timeout=2)
async def bounded() -> int:
    return 1


@env.task(timeout=flyte.Timeout(deadline=2))
async def with_a_deadline() -> int:
    return 1


@env.task
async def unbounded() -> int:
    return 1
