"""Tasks that a pod could not run."""

from __future__ import annotations

import os

import localflyte as flyte

env = flyte.TaskEnvironment(name="unportable")


@env.task
def reads() -> str:
    return os.environ.get("UNPORTABLE", "nothing")


@env.task
def raises() -> str:
    raise ValueError(os.environ.get("UNPORTABLE", "nothing"))


@env.task
async def caller() -> str:
    return (await flyte.run.aio(reads)).outputs()[0]
