"""Tasks that sleep."""

from __future__ import annotations

from datetime import timedelta

import localflyte as flyte
from localflyte.extras import Sleep

env = flyte.TaskEnvironment(name="sleeping", plugin_config=Sleep())


@env.task
async def rest(duration: timedelta) -> None:
    raise RuntimeError("a cluster runs no function here")


@env.task
def naps(nap: timedelta) -> None:
    raise RuntimeError("a cluster runs no function here")


@env.task
async def dozes(nap: timedelta = timedelta(0)) -> None:
    raise RuntimeError("a cluster runs no function here")


@env.task
async def restless(seconds: float) -> None: ...
